// Workers that decode, and a watchdog: a worker that does not answer in time is ended and replaced.

import * as errors from "./errors.js";

const SECONDS = 60; // a tile of 512 pixels takes a few; a stream that needs more is hostile
const ENDED = "the decoders were ended; make another pool";

/**
 * Has `size` workers, which `spawn` makes when they are needed. `setup` has the calls [name, ...args] that each worker
 * gets first. An argument may be a promise, so that a worker can begin to load before everything is there.
 */
export class Pool {
  constructor({ size, setup, seconds = SECONDS, spawn = spawnWorker }) {
    this.seconds = seconds; // after which a worker is ended
    this.ended = false;
    this._idle = Array.from({ length: size }, () => new Seat(this, spawn, setup));
    this._all = [...this._idle];
    this._waiting = [];
  }

  /** Returns how many calls could begin at once. */
  get free() {
    return this._idle.length;
  }

  /** Returns the answer of a worker (worker.js) to a call. */
  async run(call, ...args) {
    const worker = this._idle.pop() ?? await new Promise((resolve) => this._waiting.push(resolve));
    try {
      return await worker.run(call, args);
    } finally {
      const next = this._waiting.shift();
      if (next) next(worker);
      else this._idle.push(worker);
    }
  }

  /** Ends the workers. Calls without an answer fail, and so do later ones. */
  end() {
    this.ended = true;
    this._all.forEach((worker) => worker.end(ENDED));
  }
}

/** One worker at a time. If it fails, another one replaces it. */
class Seat {
  constructor(pool, spawn, setup) {
    this._pool = pool;
    this._spawn = spawn;
    this._setup = setup;
    this._worker = null;
    this._reason = ENDED; // of the end of the last worker
    this._lose = () => {}; // fails the call that waits for an answer
  }

  async run(call, args) {
    if (this._worker === null && !this._pool.ended) {
      this._worker = this._spawn();
      this._worker.onerror = ({ message }) => this.end(`a decoder ended by itself (${message}); load the page again`);
      try {
        for (const [name, ...values] of this._setup) await this._ask(name, await Promise.all(values));
      } catch (problem) {
        this.end();
        throw problem;
      }
    }
    return this._ask(call, args);
  }

  /** Ends the worker. If a call waits for its answer, the call fails with `message`. */
  end(message = this._reason) {
    this._worker?.terminate();
    this._worker = null;
    this._reason = message;
    this._lose(message);
  }

  async _ask(call, args) {
    const { seconds } = this._pool;
    if (this._worker === null) throw new errors.WorkerLost(this._reason); // it ended, perhaps while `run` waited
    return new Promise((resolve, reject) => {
      const watchdog = setTimeout(() => {
        this.end(`a decoder was ended, since it gave no answer in ${seconds} s; the stream may be damaged`);
      }, 1000 * seconds);
      this._lose = (message) => {
        clearTimeout(watchdog);
        reject(new errors.WorkerLost(message));
      };
      this._worker.onmessage = ({ data: { result, error } }) => {
        clearTimeout(watchdog);
        if (error) reject(named(error));
        else resolve(result);
      };
      this._worker.postMessage({ call, args });
    });
  }
}

function spawnWorker() {
  return new Worker(new URL("worker.js", import.meta.url), { type: "module" });
}

/** Returns an error of a worker, with the class that it had there. */
function named({ name, message, tile }) {
  if (Object.hasOwn(errors, name)) return Object.assign(new errors[name](message), tile && { tile });
  return Object.assign(new errors.RscodecError(message), { name });
}
