// No answer is lost: each change gets the next number, is kept in the browser until the server has it, and is sent
// again after any failure, reload or restart of the browser. A name of the page goes with each number, so that two
// devices on one link do not take each other's changes for their own.

const BATCH = 100;
const DRAFT_MS = 150;
const TIMEOUT_MS = 10_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
// Answers that no repetition would change.
const FINAL = new Set([400, 401, 403, 409, 413]);

const LAST = "flowmac-listening-test-last-";

const savers = new Map();

/** The page's saver for `token`; its numbers go on after `seq`, the last that the server has. */
export async function openSaver({ api, token, seq }) {
  if (!savers.has(token)) savers.set(token, new Saver(api, token));
  const saver = savers.get(token);
  await saver.restored;
  saver.seq = Math.max(saver.seq, seq);
  saver.flush();
  return saver;
}

/** Events: "state". `state` is "saved", "saving", "offline" or "refused"; `status` is the HTTP status of a refusal. */
export class Saver extends EventTarget {
  constructor(api, token) {
    super();
    this.api = api;
    this.token = token;
    this.page = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.seq = 0;
    this.queue = [];
    this.drafts = new Map();
    this.state = "saved";
    this.status = null;
    this.isSending = false;
    this.waitMs = FIRST_WAIT_MS;
    this.timer = null;
    this.restored = this.restore();
    addEventListener("pagehide", () => this.beacon());
    addEventListener("visibilitychange", () => document.hidden && this.beacon());
    addEventListener("online", () => this.flush());
  }

  /** Keeps and sends a change: {kind, trial, stimulus, name, value, position}. */
  put(change) {
    if (change.kind === "answer") this.dropDraft(change.stimulus);
    const numbered = { stimulus: null, name: null, value: null, position: null, ...change };
    numbered.page = this.page;
    numbered.seq = ++this.seq;
    numbered.at_ms = Date.now();
    this.queue.push(numbered);
    this.keep((store) => store.put({ ...numbered, token: this.token }));
    this.flush();
  }

  /** As put, but at most once in 150 ms for each stimulus: for a slider under the finger. */
  putSoon(change) {
    const draft = this.drafts.get(change.stimulus);
    if (draft) draft.change = change;
    else this.drafts.set(change.stimulus, { change, timer: setTimeout(() => this.put(this.drafts.get(change.stimulus).change), DRAFT_MS) });
  }

  dropDraft(stimulus) {
    clearTimeout(this.drafts.get(stimulus)?.timer);
    this.drafts.delete(stimulus);
  }

  putDrafts() {
    for (const { change } of [...this.drafts.values()]) this.put(change);
  }

  /** The answers of `trial` that the server does not have yet, oldest first. */
  unsent(trial) {
    return this.queue.filter((change) => change.trial === trial && change.kind === "answer");
  }

  /** Resolves when the server has everything; never, if it refuses. */
  async saved() {
    this.putDrafts();
    this.flush();
    while (this.queue.length) await new Promise((resolve) => this.addEventListener("state", resolve, { once: true }));
  }

  async flush() {
    if (this.isSending || this.state === "refused") return;
    if (!this.queue.length) return this.enter("saved");
    clearTimeout(this.timer);
    this.isSending = true;
    if (this.state === "saved") this.enter("saving");
    const status = await this.send(this.queue.slice(0, BATCH));
    this.isSending = false;
    if (status === 200) {
      this.waitMs = FIRST_WAIT_MS;
      if (this.queue.length) this.state = "saving";
      this.flush();
    } else if (FINAL.has(status)) {
      this.status = status;
      this.enter("refused");
    } else {
      this.enter("offline");
      this.timer = setTimeout(() => this.flush(), this.waitMs);
      this.waitMs = Math.min(2 * this.waitMs, LONGEST_WAIT_MS);
    }
  }

  /** The status of the server's answer, 0 where there was none. */
  async send(changes) {
    try {
      const response = await fetch(`${this.api}/save`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: this.body(changes),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status !== 200) return response.status;
      const { acknowledged } = await response.json();
      if (!(acknowledged >= changes[0].seq)) return 0;
      // The server stores all of a request or nothing.
      this.seq = Math.max(this.seq, acknowledged);
      this.queue = this.queue.filter((change) => !changes.includes(change));
      this.keep((store) => changes.forEach(({ page, seq }) => store.delete([this.token, page, seq])));
      this.remember([]);
      return 200;
    } catch {
      return 0;
    }
  }

  /** The page may be gone in a moment: what the server lacks is handed to the browser, and stays in the queue. */
  beacon() {
    this.putDrafts();
    if (this.queue.length && this.state !== "refused") {
      this.remember(this.queue);
      navigator.sendBeacon(`${this.api}/save`, this.body(this.queue.slice(0, BATCH)));
    }
  }

  /** Keeps changes at once: the last write to IndexedDB may not outlive the page. None forgets them. */
  remember(changes) {
    try {
      if (changes.length) localStorage.setItem(LAST + this.token, JSON.stringify(changes));
      else localStorage.removeItem(LAST + this.token);
    } catch {
      // Some private windows have none.
    }
  }

  /** What `remember` kept. */
  remembered() {
    try {
      return JSON.parse(localStorage.getItem(LAST + this.token)) ?? [];
    } catch {
      return [];
    }
  }

  body(changes) {
    return JSON.stringify({ token: this.token, changes });
  }

  enter(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  async restore() {
    const kept = new Map(this.remembered().map((change) => [`${change.page} ${change.seq}`, change]));
    try {
      this.database = await open();
      const mine = IDBKeyRange.bound([this.token], [this.token, []]);
      const stored = await done(this.database.transaction("changes").objectStore("changes").getAll(mine));
      for (const { token, ...change } of stored) kept.set(`${change.page} ${change.seq}`, change);
    } catch {
      // Some private windows have no IndexedDB: changes are then kept by the page alone.
      this.database = null;
    }
    this.queue = [...kept.values()].sort((a, b) => a.at_ms - b.at_ms || a.seq - b.seq);
    this.seq = Math.max(0, ...this.queue.map(({ seq }) => seq));
  }

  keep(action) {
    try {
      if (this.database) action(this.database.transaction("changes", "readwrite").objectStore("changes"));
    } catch {
      this.database = null;
    }
  }
}

function open() {
  const request = indexedDB.open("flowmac-listening-test-changes", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("changes", { keyPath: ["token", "page", "seq"] });
  return done(request);
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
