"""The numbers of the format. They are written down, never derived. A retired number stays listed and is not reused."""

MAGIC = b"\xd2RSC"
VERSION = 1

ARITHMETICS = {
    1: "integer-1",  # integer networks carried in floating point: the same symbols on every machine
    2: "float",  # floating point: decodes only on the kind of machine that wrote it
    # 3 is not used: a frozen vector expects that no reader knows it
    4: "integer-2",  # decodes like integer-1; its hash covers the synthesis, and empty payloads have checksums
}

MODELS = {
    0x0001: "rsc-s-1",
    0x0002: "rsc-s-2",
    0x0003: "rsc-m-1",
    0x0004: "rsc-m-2",
    0x0005: "rsc-m-3",
    0x7001: "elic-official",
    0x7002: "elic-chandelier",
    0x7F01: "vec-1",  # the tiny model of the frozen test vectors
}

DTYPES = {1: "uint8", 2: "uint16", 3: "int16", 4: "float32", 5: "float64"}

FLAGS = ("metadata", "radiometry", "planes", None, "bound")  # bit 0, 1, 2, 4; the other bits are 0

CLASSES = {0: "valid", 1: "nodata value", 2: "NaN", 3: "masked"}
