// Decodes Opus packets with the neural post-filters of libopus 1.5, compiled to WebAssembly.
//
// node decode_opus.mjs NODE_MODULES none|lace|nolace SAMPLE_RATE_HZ < packets > samples
// Packets: each after its size (32 bit, little-endian). Samples: mono, 32-bit float, little-endian.

import { readFileSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [nodeModules, speechQualityEnhancement, sampleRate] = process.argv.slice(2);
const entry = resolve(nodeModules, "@wasm-audio-decoders/opus-ml/index.js");
const { OpusMLDecoder } = await import(pathToFileURL(entry));

const stored = readFileSync(0);
const packets = [];
for (let position = 0; position < stored.length; ) {
  const end = position + 4 + stored.readUInt32LE(position);
  packets.push(new Uint8Array(stored.subarray(position + 4, end)));
  position = end;
}

const decoder = new OpusMLDecoder({
  speechQualityEnhancement,
  sampleRate: Number(sampleRate),
  channels: 1,
  streamCount: 1,
  coupledStreamCount: 0,
  channelMappingTable: [0],
});
await decoder.ready;
const { channelData, errors } = decoder.decodeFrames(packets);
if (errors.length) throw new Error(errors[0].message);

const samples = Buffer.from(channelData[0].buffer, channelData[0].byteOffset, channelData[0].byteLength);
for (let written = 0; written < samples.length; ) {
  written += writeSync(1, samples, written);
}
