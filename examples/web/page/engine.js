// SPDX-License-Identifier: Apache-2.0
// The library, as the page sees it: promises instead of the messages of worker.js.

/** What the library refuses, by a code word and a sentence. */
export class EngineError extends Error {
  constructor(code, sentence) {
    super(sentence);
    this.code = code;
  }
}

export class Engine {
  #worker = null;
  #waiting = new Map(); // by id: how a request ends, and whom it tells what
  #ids = 0;
  #picture = null; // as it was sent to the worker, for the next one
  #held = false; // whether the worker has it
  #used = false; // whether the worker has enlarged anything

  /** `on_start(threads, instructions)` is told what the library runs on. */
  constructor(on_start) {
    this.on_start = on_start;
    this.#ask({ kind: "start" }).catch(() => {}); // the first picture will say it
  }

  /** Reads a PNG or JPEG; its size. `on_note` gets a sentence for what is odd about it. */
  open(name, bytes, on_note) {
    return this.#open({ kind: "open", name, bytes }, on_note);
  }
  /** The same for RGBA that the browser decoded. */
  open_pixels(name, { data, width, height }) {
    return this.#open({ kind: "open_pixels", name, bytes: data, width, height });
  }
  /** The size of the result for a scale, or a width and a height; fails if memory does not do. */
  plan(target) {
    return this.#with_picture({ kind: "plan", target });
  }
  /** The result by that network: `png`. `tell` may have functions `before` and `progress`. */
  async enlarge(target, network, tell) {
    const request = { kind: "enlarge", target, network };
    const used = this.#used;
    this.#used = true;
    try {
      return await this.#with_picture(request, tell);
    } catch (error) {
      if (error.code !== "out_of_memory" || !used) throw error;
      this.stop(); // what was computed before has left its memory in pieces: a new one has none
      this.#used = true;
      return this.#with_picture(request, tell);
    }
  }
  /** Ends at once what runs, which fails with the code "stopped". */
  stop() {
    this.#worker?.terminate();
    this.#worker = null;
    this.#held = this.#used = false;
    for (const { reject } of this.#waiting.values()) reject(new EngineError("stopped", "Stopped."));
    this.#waiting.clear();
  }

  #open(picture, note) {
    this.#picture = picture;
    this.#held = true;
    return this.#ask(picture, { note });
  }
  async #with_picture(request, tell) {
    if (!this.#held) await this.#open(this.#picture);
    return this.#ask({ name: this.#picture.name, ...request }, tell);
  }
  #ask(request, tell = {}) {
    if (this.#worker === null) {
      this.#worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
      this.#worker.onmessage = ({ data }) => this.#hear(data);
      this.#worker.onerror = (event) => {
        for (const { reject } of this.#waiting.values())
          reject(new EngineError("page", event.message || "This browser cannot run the library."));
        this.#waiting.clear();
      };
    }
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, tell, result: {} });
      this.#worker.postMessage({ id, ...request });
    });
  }
  #hear({ id, event, ...data }) {
    if (event === "started") return this.on_start(data.threads, data.instructions);
    const request = this.#waiting.get(id);
    if (request === undefined) return undefined;
    if (event === "done" || event === "failed") this.#waiting.delete(id);
    if (event === "done") return request.resolve(request.result);
    if (event === "failed") {
      request.reject(new EngineError(data.code, data.sentence));
      return data.code === "page" ? this.stop() : undefined; // it may be broken: the next is new
    }
    if (event === "opened" || event === "planned" || event === "after")
      return Object.assign(request.result, data);
    return request.tell[event]?.(data);
  }
}
