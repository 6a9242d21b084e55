// The view: the pixel of the scene in the middle of the screen, and how large a pixel is. Handles fingers, mouse and
// keys.

const LARGEST = 64; // largest size of a pixel of the scene, in pixels of the screen

export class View {
  /**
   * `changed` is called when the view changes. `smallest` is the smallest size of a pixel of the scene. `signal` ends
   * the view.
   */
  constructor(canvas, smallest, changed, signal) {
    this._canvas = canvas;
    this._smallest = smallest;
    this._changed = changed;
    this._fingers = new Map();
    this.col = this.row = 0;
    this.scale = 1;
    canvas.addEventListener("pointerdown", (event) => this._down(event), { signal });
    canvas.addEventListener("pointermove", (event) => this._move(event), { signal });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this._fingers.delete(event.pointerId), { signal });
    }
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 20 : 1;
      this.zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY * lines)) / 300), event.offsetX, event.offsetY);
    }, { passive: false, signal });
    canvas.addEventListener("keydown", (event) => this._key(event), { signal });
  }

  get width() {
    return this._canvas.clientWidth;
  }

  get height() {
    return this._canvas.clientHeight;
  }

  /** Returns the part of the scene that is on the screen. */
  get rect() {
    const [width, height] = [this.width / this.scale, this.height / this.scale];
    return { col: this.col - width / 2, row: this.row - height / 2, width, height };
  }

  /** Shows the whole scene, or as much of it as the limits allow. */
  fit(width = this._scene.width, height = this._scene.height) {
    this._scene = { width, height };
    [this.col, this.row] = [width / 2, height / 2];
    this.scale = this._legal(Math.min(this.width / width, this.height / height));
    this._changed();
  }

  /** Makes the pixels of the scene `by` times as large. The pixel at (x, y) of the screen stays in its place. */
  zoom(by, x = this.width / 2, y = this.height / 2) {
    const scale = this._legal(this.scale * by);
    const [right, down] = [x - this.width / 2, y - this.height / 2];
    this.col += right / this.scale - right / scale;
    this.row += down / this.scale - down / scale;
    this.scale = scale;
    this.pan(0, 0);
  }

  /** Moves the scene by pixels of the screen. The middle of the screen stays within the scene. */
  pan(right, down) {
    this.col = Math.max(0, Math.min(this._scene.width, this.col - right / this.scale));
    this.row = Math.max(0, Math.min(this._scene.height, this.row - down / this.scale));
    this._changed();
  }

  /** Returns the pixel of the scene at (x, y) of the screen. */
  pixelAt(x, y) {
    const { col, row } = this.rect;
    return { col: Math.floor(col + x / this.scale), row: Math.floor(row + y / this.scale) };
  }

  _legal(scale) {
    return Math.max(this._smallest, Math.min(LARGEST, scale));
  }

  _down(event) {
    this._canvas.setPointerCapture(event.pointerId);
    this._fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  }

  _move(event) {
    const finger = this._fingers.get(event.pointerId);
    if (!finger) return;
    const other = [...this._fingers].find(([id]) => id !== event.pointerId)?.[1];
    const [x, y] = [event.offsetX, event.offsetY];
    if (other) {
      const [before, after] = [finger, { x, y }].map((at) => Math.hypot(at.x - other.x, at.y - other.y));
      if (before > 0 && after > 0) this.zoom(after / before, (x + other.x) / 2, (y + other.y) / 2);
      this.pan((x - finger.x) / 2, (y - finger.y) / 2);
    } else this.pan(x - finger.x, y - finger.y);
    Object.assign(finger, { x, y });
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // these are keys of the browser
    const step = 60;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[event.key]) this.pan(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }
}
