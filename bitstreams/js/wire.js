// The numbers of the format. They are written down, never derived.

export const MAGIC = [0xd2, 0x52, 0x53, 0x43];
export const VERSION = 1;

export const ARITHMETICS = new Map([[1, "integer-1"], [2, "float"], [4, "integer-2"]]);

export const MODELS = new Map([
  [0x0001, "rsc-s-1"], [0x0002, "rsc-s-2"], [0x0003, "rsc-m-1"], [0x0004, "rsc-m-2"],
  [0x0005, "rsc-m-3"], [0x7001, "elic-official"], [0x7002, "elic-chandelier"], [0x7f01, "vec-1"],
]);

export const DTYPES = new Map([[1, "uint8"], [2, "uint16"], [3, "int16"], [4, "float32"], [5, "float64"]]);

export const FLAGS = ["metadata", "radiometry", "planes", null, "bound"];

export const CLASS_VALID = 0;
export const CLASS_NODATA = 1;
export const CLASS_NAN = 2;
export const CLASS_MASKED = 3;
export const CLASS_COUNT = 4;
