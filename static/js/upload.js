// Uploads a file in pieces: each names its place, so that after a pause, a broken connection or a reload it goes on where it was.

const PIECE_BYTES = 8 * 1024 ** 2;
const LONGEST_WAIT_SECONDS = 30;
const RATE_SECONDS = 8;
const REFUSALS = new Set([401, 403, 413, 422]);

/** What the server will not take, however often it is tried. */
export class RefusedUpload extends Error {
  /** @param {{message: string, fields?: {field: string, message: string}[]}} error */
  constructor(error) {
    super(error.message);
    this.fields = error.fields ?? [];
  }
}

/** The rate of the last seconds, and the time that is left at it. */
class Rate {
  constructor() {
    this.marks = [];
  }

  /** @param {number} bytes @param {number} size @returns {{rate: number, secondsLeft: number}|null} */
  mark(bytes, size) {
    const now = performance.now() / 1000;
    this.marks.push([now, bytes]);
    while (this.marks.length > 2 && now - this.marks[0][0] > RATE_SECONDS) this.marks.shift();
    const [since, before] = this.marks[0];
    const rate = (bytes - before) / (now - since);
    return now - since > 0.5 && rate > 0 ? { rate, secondsLeft: (size - bytes) / rate } : null;
  }
}

export class Upload {
  /**
   * @param {File} file
   * @param {{onProgress: (bytes: number, pace: {rate: number, secondsLeft: number}|null) => void, onWaiting: (seconds: number, reason?: string) => void}} listeners
   */
  constructor(file, listeners) {
    this.file = file;
    this.listeners = listeners;
    this.key = `segscope-upload:${file.name}:${file.size}:${file.lastModified}`;
    this.paused = false;
    this.resume = null;
    this.request = null;
  }

  /** Stop sending until `unpause`; what has arrived stays. */
  pause() {
    this.paused = true;
    this.request?.abort();
    this.resume ??= deferred();
  }

  unpause() {
    this.paused = false;
    this.resume?.resolve();
    this.resume = null;
  }

  /** @returns {Promise<string>} the id of the complete upload @throws {RefusedUpload} */
  async send() {
    let failures = 0;
    let offset = null;
    let rate = new Rate();
    for (;;) {
      if (this.paused) {
        await this.resume.promise;
        rate = new Rate();
        offset = null;
      }
      try {
        offset ??= await this.start();
        if (offset >= this.file.size) return this.id;
        offset = await this.piece(offset, (bytes) => this.listeners.onProgress(bytes, rate.mark(bytes, this.file.size)));
        failures = 0;
      } catch (error) {
        if (error instanceof RefusedUpload) throw error;
        // The server knows best how much of the piece has arrived.
        offset = null;
        if (this.paused) continue;
        const seconds = Math.min(2 ** failures, LONGEST_WAIT_SECONDS);
        failures += 1;
        this.listeners.onWaiting(seconds, error.reason);
        await this.wait(seconds);
        rate = new Rate();
      }
    }
  }

  /** Forget the upload: it was registered. */
  forget() {
    localStorage.removeItem(this.key);
  }

  /** Find the upload of this file again, or begin one. @returns {Promise<number>} bytes that have arrived */
  async start() {
    this.id ??= localStorage.getItem(this.key);
    if (this.id) {
      const answer = await fetch(`/api/uploads/${this.id}`);
      if (answer.ok) return (await answer.json()).offset;
      if (answer.status !== 404) throw new Error(String(answer.status));
    }
    const answer = await fetch("/api/uploads", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name: this.file.name, size: this.file.size }) });
    const body = await answer.json();
    if (!answer.ok) throw new RefusedUpload(body.error);
    this.id = body.id;
    localStorage.setItem(this.key, this.id);
    return 0;
  }

  /** Send one piece. @param {number} start @param {(bytes: number) => void} onProgress @returns {Promise<number>} bytes that have arrived */
  piece(start, onProgress) {
    const end = Math.min(start + PIECE_BYTES, this.file.size);
    const request = new XMLHttpRequest();
    this.request = request;
    // XMLHttpRequest, because fetch does not tell how much of a body was sent.
    request.open("PUT", `/api/uploads/${this.id}`);
    request.responseType = "json";
    request.setRequestHeader("Content-Range", `bytes ${start}-${end - 1}/${this.file.size}`);
    request.upload.addEventListener("progress", ({ loaded }) => onProgress(start + loaded));
    return new Promise((resolve, reject) => {
      request.addEventListener("load", () => {
        if (request.status === 200) resolve(request.response.offset);
        else if (REFUSALS.has(request.status)) reject(new RefusedUpload(request.response.error));
        else reject(Object.assign(new Error(String(request.status)), { reason: request.response?.error?.message }));
      });
      for (const kind of ["error", "abort", "timeout"]) request.addEventListener(kind, () => reject(new Error(kind)));
      request.send(this.file.slice(start, end));
    });
  }

  /** Wait, or less if the connection comes back or the upload is paused. @param {number} seconds */
  async wait(seconds) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, 1000 * seconds);
      window.addEventListener("online", () => {
        clearTimeout(timer);
        resolve();
      }, { once: true });
    });
  }
}

function deferred() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}
