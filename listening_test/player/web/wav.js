// PCM WAV to numbers, bit for bit. The browser's own decoder may resample, and does not say so.

export class SoundError extends Error {
  /** @param {string} reason key of a text: "network", "refused", "format", "rate". */
  constructor(reason, detail = "") {
    super(`${reason} ${detail}`.trim());
    this.reason = reason;
    this.detail = detail;
  }
}

const PCM = 1;
const EXTENSIBLE = 0xfffe;

/**
 * The samples of a 16 or 24-bit PCM WAV file, full scale 1.
 * @param {ArrayBuffer} buffer the whole file
 * @returns {{sampleRate: number, channels: Float32Array[]}}
 */
export function readWav(buffer) {
  const view = new DataView(buffer);
  const tag = (at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (buffer.byteLength < 12 || tag(0) !== "RIFF" || tag(8) !== "WAVE") throw new SoundError("format", "no WAV");
  let format = null;
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (tag(at) === "fmt ") {
      const code = view.getUint16(body, true);
      format = {
        code: code === EXTENSIBLE ? view.getUint16(body + 24, true) : code,
        nChannels: view.getUint16(body + 2, true),
        sampleRate: view.getUint32(body + 4, true),
        nBytes: view.getUint16(body + 14, true) / 8,
      };
      if (format.code !== PCM || (format.nBytes !== 2 && format.nBytes !== 3)) throw new SoundError("format", "no PCM");
    } else if (tag(at) === "data" && format) {
      if (body + size > buffer.byteLength) throw new SoundError("network", "cut short");
      return { sampleRate: format.sampleRate, channels: deinterleave(new DataView(buffer, body, size), format) };
    }
    at = body + size + (size % 2);
  }
  throw new SoundError("format", "no samples");
}

function deinterleave(view, { nChannels, nBytes }) {
  const nFrames = Math.floor(view.byteLength / (nChannels * nBytes));
  const sample =
    nBytes === 2
      ? (at) => view.getInt16(at, true) / 0x8000
      : (at) => (view.getUint8(at) | (view.getInt16(at + 1, true) << 8)) / 0x800000;
  return Array.from({ length: nChannels }, (_, c) => {
    const channel = new Float32Array(nFrames);
    for (let n = 0, at = c * nBytes; n < nFrames; n++, at += nChannels * nBytes) channel[n] = sample(at);
    return channel;
  });
}
