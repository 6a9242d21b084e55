// What the modules of the page need of a browser. Importing this file puts it in place.

const frames = [];

/** An element that takes everything and draws nothing. Its sizes are properties that tests set. */
export function fakeElement(more = {}) {
  const children = [];
  const element = {
    children, style: {}, dataset: {}, hidden: false, listeners: {}, clientWidth: 0, clientHeight: 0, offsetHeight: 0,
    classList: { toggle() {}, contains: () => false },
    addEventListener: (kind, listener) => { element.listeners[kind] = listener; },
    append: (...parts) => children.push(...parts),
    appendChild: (child) => { children.push(child); return child; },
    replaceChildren: (...parts) => { children.splice(0, children.length, ...parts); },
    setAttribute() {},
    setPointerCapture() {},
    getContext: () => fakeContext(),
    get firstChild() { return children[0] ?? { textContent: "" }; },
    ...more,
  };
  return element;
}

export function textOf(element) {
  if (typeof element === "string") return element;
  return (element.textContent ?? "") + element.children.map(textOf).join("");
}

/** Runs what waits for the next frame, and returns how many callbacks there were. */
export function frame() {
  const due = frames.splice(0);
  due.forEach((callback) => callback());
  return due.length;
}

/** Waits until something is so. */
export async function settled(so) {
  for (let turn = 0; turn < 1000 && !so(); turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  if (!so()) throw new Error(`never: ${so}`);
}

function fakeContext() {
  const image = (width, height) => ({ data: new Uint8ClampedArray(4 * width * height) });
  return new Proxy({ createImageData: image }, { get: (known, name) => known[name] ?? (() => null), set: () => true });
}

Object.assign(globalThis, {
  devicePixelRatio: 1,
  document: { createElement: () => fakeElement() },
  requestAnimationFrame: (callback) => frames.push(callback),
  ResizeObserver: class { observe() {} disconnect() {} },
});
