// A stream at a URL. It reads only the needed parts, with HTTP range requests, and joins neighbouring parts into one
// request.

import { InputError } from "./errors.js";
import { concatenate } from "./inflate.js";
import { refusal } from "./refusal.js";

const GAP = 1024; // bytes between two parts: to read fewer is cheaper than one more request
const WHOLE = 2 ** 26; // bytes that a server without ranges may send: the whole stream, once

/**
 * A source (source.js). `size` is known after the first read. `fetched` is the number of bytes in answers so far. Reads
 * that are requested in one turn of the event loop are answered together.
 */
export class HttpSource {
  constructor(url) {
    this.size = null;
    this.fetched = 0;
    this._url = url;
    this._waiting = [];
    this._whole = null; // the stream, if the server sent all of it
  }

  read(offset, length) {
    return new Promise((resolve, reject) => {
      if (this._waiting.length === 0) setTimeout(() => this._answer(this._waiting.splice(0)));
      this._waiting.push({ offset, end: offset + length, resolve, reject });
    });
  }

  _answer(reads) {
    const requests = [];
    for (const read of reads.sort((a, b) => a.offset - b.offset)) {
      const last = requests.at(-1);
      if (last && read.offset <= last.end + GAP) {
        last.end = Math.max(last.end, read.end);
        last.reads.push(read);
      } else requests.push({ offset: read.offset, end: read.end, reads: [read] });
    }
    for (const { offset, end, reads: parts } of requests) {
      this._range(offset, end).then(
        (data) => parts.forEach((part) => part.resolve(data.subarray(part.offset - offset, part.end - offset))),
        (problem) => parts.forEach((part) => part.reject(problem)));
    }
  }

  /** Returns the bytes from `offset` to `end`, as far as they exist. */
  async _range(offset, end) {
    const last = Math.min(end, this.size ?? end);
    if (this._whole) return this._whole.subarray(offset, last);
    if (last <= offset) return new Uint8Array(0);
    let answer;
    try {
      answer = await fetch(this._url, { headers: { Range: `bytes=${offset}-${last - 1}` } });
    } catch (problem) {
      throw this._error(`no answer (${problem.message})`);
    }
    if (answer.status === 416) return new Uint8Array(0);
    if (answer.status === 200) return this._keepWhole(answer, offset, last);
    const [, start, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.headers.get("Content-Range") ?? "") ?? [];
    if (answer.status !== 206 || (start !== undefined && Number(start) !== offset)) {
      const other = answer.status === 206;
      if (other) await answer.body?.cancel();
      throw this._error(other ? "the server sends another part than it was asked for" : await refusal(answer));
    }
    if (size !== undefined && size !== "*") this.size = Number(size);
    return this._bytes(answer, last - offset, "the server sends more bytes than it was asked for");
  }

  /** Reads the answer of a server that does not know ranges. */
  async _keepWhole(answer, offset, end) {
    const why = "the server does not know range requests; fetch the whole file and open the copy";
    if (Number(answer.headers.get("Content-Length") ?? 0) > WHOLE) {
      await answer.body.cancel();
      throw this._error(why);
    }
    this._whole = await this._bytes(answer, WHOLE, why);
    this.size = this._whole.length;
    return this._whole.subarray(offset, end);
  }

  /** Returns the body of an answer. Refuses more than `limit` bytes. */
  async _bytes(answer, limit, why) {
    const parts = [];
    let count = 0;
    const reader = answer.body.getReader();
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      count += step.value.length;
      if (count > limit) {
        await reader.cancel();
        throw this._error(why);
      }
      parts.push(step.value);
    }
    this.fetched += count;
    return concatenate(parts, count);
  }

  _error(what) {
    return new InputError(`cannot read ${this._url}: ${what}`);
  }
}
