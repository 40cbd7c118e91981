// Fetches stimuli: those of this trial with progress, those of the next one ahead of time, and forgets the rest.

import { SoundError, readWav } from "./wav.js";

const N_TRIES = 3;
const FIRST_WAIT_MS = 500;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sounds under way or here, by id: {sound: Promise, nLoaded, nBytes}. Lives as long as the page. */
const store = new Map();

/** Starts to fetch what is not yet there. `url` gives the address of an id. */
export function prefetch(ids, url) {
  for (const id of ids) {
    if (store.has(id)) continue;
    const entry = { nLoaded: 0, nBytes: 0, abort: new AbortController() };
    entry.sound = fetchSound(url(id), entry);
    entry.sound.catch(() => store.get(id) === entry && store.delete(id));
    store.set(id, entry);
  }
}

/** Drops all but `ids`, and stops their transfers. */
export function keepOnly(ids) {
  for (const [id, entry] of store) {
    if (ids.includes(id)) continue;
    entry.abort.abort();
    store.delete(id);
  }
}

/**
 * The sounds `ids` as lists of channels, out of the store: they belong to the caller now.
 * @param {(share: number) => void} onProgress 0 to 1
 * @throws {SoundError}
 */
export async function take(ids, url, { sampleRate, onProgress }) {
  prefetch(ids, url);
  const entries = ids.map((id) => store.get(id));
  const timer = setInterval(() => {
    const shares = entries.map((entry) => (entry.nBytes ? entry.nLoaded / entry.nBytes : 0));
    onProgress(shares.reduce((sum, share) => sum + share, 0) / shares.length);
  }, 100);
  try {
    const sounds = await Promise.all(entries.map((entry) => entry.sound));
    const wrong = sounds.find((sound) => sound.sampleRate !== sampleRate);
    if (wrong) throw new SoundError("rate", `${wrong.sampleRate} Hz, ${sampleRate} Hz`);
    const [first] = sounds;
    const isEqual = (sound) =>
      sound.channels.length === first.channels.length && sound.channels[0].length === first.channels[0].length;
    if (!sounds.every(isEqual)) throw new SoundError("format", "unequal lengths");
    ids.forEach((id) => store.delete(id));
    return sounds.map((sound) => sound.channels);
  } finally {
    clearInterval(timer);
  }
}

async function fetchSound(url, entry) {
  for (let tries = 1; ; tries++) {
    try {
      return readWav(await fetchBytes(url, entry));
    } catch (error) {
      const isLast = tries === N_TRIES || entry.abort.signal.aborted;
      if (isLast || (error instanceof SoundError && error.reason !== "network")) {
        throw error instanceof SoundError ? error : new SoundError("network", error.message);
      }
      await pause(FIRST_WAIT_MS * 2 ** (tries - 1));
    }
  }
}

async function fetchBytes(url, entry) {
  const response = await fetch(url, { signal: entry.abort.signal });
  if (!response.ok) throw new SoundError(response.status >= 500 ? "network" : "refused", String(response.status));
  entry.nLoaded = 0;
  entry.nBytes = Number(response.headers.get("Content-Length")) || 0;
  const parts = [];
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    entry.nLoaded += part.value.length;
  }
  return new Blob(parts).arrayBuffer();
}
