// Stands in for a Web Worker in Node: `self` of the worker's module, over a port of worker_threads.

import { parentPort, workerData } from "node:worker_threads";

globalThis.self = { postMessage: (message, transfer) => parentPort.postMessage(message, transfer) };
await import(workerData);
parentPort.on("message", (data) => self.onmessage({ data }));
