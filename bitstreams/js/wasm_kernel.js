// Assembles the inner loop of all networks in WebAssembly SIMD: four rows by two vectors of outputs at a time.
//
//   product(x, inputs, quads, weight, bias, panels, out, stride)
//
// `inputs`, `quads` and `panels` are counts, `stride` is in bytes, and the others are addresses:
//
//   x        4 times `quads` rows of `inputs` numbers
//   weight   `panels` times `inputs` times 32 bytes: the weights of one input in eight float32 or four float64 outputs
//   bias     `panels` times 32 bytes
//   out      a row every `stride` bytes, `panels` times 32 bytes of it written

const I32 = 0x7f;
const V128 = 0x7b;
const VOID = 0x40;

/** The opcodes for float32 (`bytes` 4) and float64 (8) that load one number into all lanes, multiply and add. */
const SPLAT = { 4: 9, 8: 10 };
const MUL = { 4: 0xe6, 8: 0xf2 };
const ADD = { 4: 0xe4, 8: 0xf0 };

const [X, INPUTS, QUADS, WEIGHT, BIAS, PANELS, OUT, STRIDE] = Array(8).keys();
const [ROW, LEFT, TO, END, W] = [8, 9, 10, 11, 12];
const AT = [13, 14, 15, 16]; // addresses at which the four rows are read
const SUMS = Array.from({ length: 8 }, (_, i) => 17 + i);
const V = [25, 26]; // weights
const U = 27;

const uint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...uint(n >>> 7)]);
const int = (n) => (n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...int(n >> 7)]);
const get = (local) => [0x20, ...uint(local)];
const set = (local) => [0x21, ...uint(local)];
const constant = (n) => [0x41, ...int(n)];
const plus = (local, ...amount) => [...get(local), ...amount.flat(), 0x6a, ...set(local)];
const times = (...factor) => [...factor.flat(), 0x6c];
const simd = (code) => [0xfd, ...uint(code)];
const load = (address, offset) => [...get(address), ...simd(0), 0, ...uint(offset)];
const store = (address, value, offset) => [...get(address), ...get(value), ...simd(11), 0, ...uint(offset)];
const loop = (...body) => [0x03, VOID, ...body.flat(), 0x0b];
const again = [0x0d, 0]; // if the number on the stack is not 0
const countDown = (local) => [...plus(local, constant(-1)), ...get(local)];

function body(bytes) {
  const shift = (count) => [...get(count), ...constant(Math.log2(bytes)), 0x74];
  const term = (row) => [
    ...get(AT[row]), ...simd(SPLAT[bytes]), 0, 0, ...set(U),
    ...[0, 1].flatMap((v) => {
      const sum = SUMS[2 * row + v];
      return [...get(sum), ...get(U), ...get(V[v]), ...simd(MUL[bytes]), ...simd(ADD[bytes]), ...set(sum)];
    }),
    ...plus(AT[row], constant(bytes)),
  ];
  const rows = [0, 1, 2, 3];
  return loop(
    get(X), set(ROW), get(QUADS), set(LEFT), get(OUT), set(TO),
    get(WEIGHT), times(get(INPUTS), constant(32)), [0x6a], set(END),
    loop(
      rows.map((row) => [...get(row ? AT[row - 1] : ROW), ...(row ? [...shift(INPUTS), 0x6a] : []), ...set(AT[row])]).flat(),
      SUMS.flatMap((sum, i) => [...load(BIAS, 16 * (i % 2)), ...set(sum)]),
      get(WEIGHT), set(W),
      loop(
        load(W, 0), set(V[0]), load(W, 16), set(V[1]),
        rows.flatMap(term),
        plus(W, constant(32)), get(W), get(END), [0x47], again,
      ),
      rows.flatMap((row) => [...store(TO, SUMS[2 * row], 0), ...store(TO, SUMS[2 * row + 1], 16), ...plus(TO, get(STRIDE))]),
      get(AT[3]), set(ROW),
      countDown(LEFT), again,
    ),
    get(END), set(WEIGHT), plus(BIAS, constant(32)), plus(OUT, constant(32)),
    countDown(PANELS), again,
  );
}

/** Returns the bytes of a module that imports `js.memory` and exports `product`. */
export function kernel(bytes) {
  const section = (id, ...content) => [id, ...uint(content.flat().length), ...content.flat()];
  const name = (text) => [text.length, ...new TextEncoder().encode(text)];
  const code = [2, 9, I32, 11, V128, ...body(bytes), 0x0b];
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 8, ...Array(8).fill(I32), 0]),
    ...section(2, [1, ...name("js"), ...name("memory"), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name("product"), 0, 0]),
    ...section(10, [1, ...uint(code.length), ...code]),
  ]);
}
