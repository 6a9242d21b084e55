"""The failed vectors: the damage done to a passed vector, the expected error, and some words of its message.

`stage`: where a reader fails: "open" at header and index, "decode" when the scene is read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from surgery import index_of, layout, patch, payloads_of, repair, with_index, with_section, without_sections

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.limits import MAX_METADATA_BYTES, MAX_METADATA_DEPTH


class Row(NamedTuple):
    topic: str
    base: str  # the topic of the passed vector to damage
    error: str
    words: str
    damage: Callable[[bytes], bytes]
    stage: str = "open"
    weights: bool = True  # whether the reader gets the right weights


def fields(**numbers) -> Callable[[bytes], bytes]:
    """Change numbers in the header, with a correct checksum."""
    return lambda data: repair(patch(data, **numbers))


def section(name: str, content: bytes, packed: bool = False) -> Callable[[bytes], bytes]:
    return lambda data: repair(with_section(without_sections(data), name, content, packed))


def entry(number: int, repaired: bool = True, **numbers) -> Callable[[bytes], bytes]:
    """Change numbers in one entry of the index. The checksum of the index is correct if `repaired`."""

    def damage(data: bytes) -> bytes:
        entries = index_of(data)
        for name, value in numbers.items():
            entries[name][number] = value
        changed = with_index(data, entries)
        return changed if not repaired else _index_crc(changed)

    return damage


def payload(number: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Change a payload, with a correct crc_coded but the old crc_decoded."""

    def damage(data: bytes) -> bytes:
        _, end = layout(data)
        entries, payloads = index_of(data), payloads_of(data)
        payloads[number] = change(payloads[number])
        entries["length"] = [len(part) for part in payloads]
        entries[entries["length"] == 0] = 0
        return repair(with_index(data, entries)[: end + 4] + b"".join(payloads))

    return damage


def flip(from_end: int) -> Callable[[bytes], bytes]:
    """Flip one bit, `from_end` bytes before the end, without correcting checksums."""
    return lambda data: data[:-from_end] + bytes([data[-from_end] ^ 16]) + data[len(data) - from_end + 1 :]


def random_bytes(count: int) -> Callable[[bytes], bytes]:
    return lambda _: np.random.default_rng(count).bytes(count)


def _index_crc(data: bytes) -> bytes:
    crc, end = layout(data)
    return data[:end] + struct.pack("<I", zlib.crc32(data[crc + 4 : end])) + data[end + 4 :]


def alone(count: int) -> Callable[[bytes], bytes]:
    """Change the number of single components in a radiometry section that ends with it."""
    return lambda data: section("radiometry", StreamReader.from_bytes(data).radiometry[:-1] + bytes([count]))(data)


def weights(*values: float) -> Callable[[bytes], bytes]:
    """Change the weights of bands in a radiometry section that ends with them."""
    tail = struct.pack(f"<{len(values)}f", *values)
    return lambda data: section("radiometry", StreamReader.from_bytes(data).radiometry[: -len(tail)] + tail)(data)


def _nan_scale(data: bytes) -> bytes:
    """A radiometry section with flags, lossless bands and a scale of NaN."""
    return section("radiometry", struct.pack("<BHf", 4, 0, float("nan")))(data)


def bound(old: float, new: float) -> Callable[[bytes], bytes]:
    """Change the largest error."""
    return lambda data: repair(data.replace(struct.pack("<Bd", 8, old), struct.pack("<Bd", 8, new), 1))


def short_bound(data: bytes) -> bytes:
    return repair(data.replace(struct.pack("<Bd", 8, 2.0), struct.pack("<Bf", 4, 2.0), 1))


BOMB = zlib.compress(b'{"a":"' + bytes(MAX_METADATA_BYTES).replace(b"\0", b" ") + b'"}', 9)
NESTED = zlib.compress(b'{"a":' + b"[" * MAX_METADATA_DEPTH + b"]" * MAX_METADATA_DEPTH + b"}")
SKEWED = struct.pack("<BH16h", 16, 0, *[9000] * 16)

DAMAGES = (
    Row("empty", "plain_rgb", "NotAStream", "does not begin with", lambda data: b""),
    Row("bad_magic", "plain_rgb", "NotAStream", "does not begin with", lambda data: b"RIFF" + data[4:]),
    Row("future_version", "plain_rgb", "FutureVersion", "version 2", fields(version=2)),
    Row("version_0", "plain_rgb", "BadField", "version is 0", fields(version=0)),
    Row("future_arithmetic", "plain_rgb", "FutureVersion", "arithmetic is 0x3", fields(arithmetic=3)),
    Row("unknown_model", "plain_rgb", "UnknownModel", "model is 0x7fff", fields(model=0x7FFF)),
    Row("truncated_header", "plain_rgb", "Truncated", "byte 20, inside its header", lambda data: data[:20]),
    Row("truncated_section", "georeferenced", "Truncated", "metadata section", lambda data: data[:60]),
    Row("truncated_index", "plain_rgb", "Truncated", "tile index", lambda data: data[:45]),
    Row("header_crc", "plain_rgb", "HeaderDamaged", "does not match", lambda data: patch(data, width=65)),
    Row("quality_31", "plain_rgb", "BadField", "quality is 31", fields(quality=31)),
    Row("quality_257", "plain_rgb", "BadField", "quality is 257", fields(quality=257)),
    Row("width_0", "plain_rgb", "BadField", "width is 0", fields(width=0)),
    Row("too_high", "plain_rgb", "LimitExceeded", "height is 1048577", fields(height=2**20 + 1)),
    Row("bands_0", "plain_rgb", "BadField", "bands is 0", fields(bands=0)),
    Row("bands_17", "plain_rgb", "LimitExceeded", "bands is 17", fields(bands=17)),
    Row("unknown_dtype", "plain_rgb", "BadField", "dtype is 0x6", fields(dtype=6)),
    Row("tile_0", "plain_rgb", "BadField", "tile is 0", fields(tile=0)),
    Row("tile_33", "plain_rgb", "LimitExceeded", "tile is 33", fields(tile=33)),
    Row("too_many_tiles", "plain_rgb", "LimitExceeded", "tiles", fields(width=2**20, height=2**20)),
    Row("unknown_flag", "plain_rgb", "BadField", "flags is 0x08", fields(flags=8)),
    Row("groups_9", "plain_rgb", "LimitExceeded", "groups is 9", fields(bands=16, groups=9)),
    Row("groups_above_bands", "plain_rgb", "BadField", "too many for 3 bands", fields(groups=4)),
    Row("groups_below_bands", "plain_rgb", "RadiometryDamaged", "is missing", fields(bands=6), "decode"),
    Row("groups_0", "plain_rgb", "BadField", "without any content", fields(groups=0)),
    Row(
        "section_too_long",
        "plain_rgb",
        "LimitExceeded",
        "metadata section",
        section("metadata", b"\xff\xff\xff\x7f", True),
    ),
    Row("section_length_0", "plain_rgb", "BadField", "is zero", section("metadata", b"\0", True)),
    Row("section_length_padded", "plain_rgb", "BadField", "shortest", section("radiometry", b"\x83\0abc", True)),
    Row("metadata_bomb", "plain_rgb", "MetadataDamaged", "inflates to more", section("metadata", BOMB)),
    Row("metadata_not_zlib", "plain_rgb", "MetadataDamaged", "zlib", section("metadata", b"{}")),
    Row("metadata_cut", "plain_rgb", "MetadataDamaged", "no end", section("metadata", zlib.compress(b'{"a":1}')[:-1])),
    Row(
        "metadata_not_json",
        "plain_rgb",
        "MetadataDamaged",
        "cannot be read",
        section("metadata", zlib.compress(b"{a:1}")),
    ),
    Row("metadata_nan", "plain_rgb", "MetadataDamaged", "NaN", section("metadata", zlib.compress(b'{"a":NaN}'))),
    Row(
        "metadata_no_object",
        "plain_rgb",
        "MetadataDamaged",
        "not an object",
        section("metadata", zlib.compress(b"[1]")),
    ),
    Row(
        "radiometry_missing",
        "uint16",
        "RadiometryDamaged",
        "is missing",
        lambda data: repair(without_sections(data)),
        "decode",
    ),
    Row("radiometry_short", "plain_rgb", "RadiometryDamaged", "2 bytes", section("radiometry", b"\0\0"), "decode"),
    Row("radiometry_scale_nan", "plain_rgb", "RadiometryDamaged", "impossible scale", _nan_scale, "decode"),
    Row(
        "radiometry_band_9",
        "plain_rgb",
        "RadiometryDamaged",
        "lossless bands (9,)",
        section("radiometry", struct.pack("<BH", 0, 1 << 9)),
        "decode",
    ),
    Row(
        "radiometry_skewed",
        "four_bands",
        "RadiometryDamaged",
        "not orthonormal",
        section("radiometry", SKEWED),
        "decode",
    ),
    Row(
        "radiometry_contradicts",
        "alpha",
        "BadField",
        "network groups",
        section("radiometry", struct.pack("<BH", 0, 0b1111)),
        "decode",
    ),
    Row("index_crc", "many_tiles", "IndexDamaged", "does not match", entry(3, repaired=False, crc_decoded=1)),
    Row("index_no_groups", "plain_rgb", "IndexDamaged", "neither groups nor planes", entry(0, length=0)),
    Row("index_some_groups", "twelve_bands", "IndexDamaged", "some groups but not all", entry(2, length=0)),
    Row("index_crc_of_nothing", "nodata", "IndexDamaged", "checksum of nothing", entry(0, length=0)),
    Row("index_too_long", "plain_rgb", "LimitExceeded", "above the limit", entry(0, length=2**31)),
    Row("trailing_bytes", "plain_rgb", "TrailingBytes", "3 bytes follow", lambda data: data + b"end"),
    Row("payload_crc", "plain_rgb", "TileDamaged", "do not match their checksum", flip(5), "decode"),
    Row("payload_cut_off", "many_tiles", "TileDamaged", "cut off", lambda data: data[:-9], "decode"),
    Row("payload_random", "plain_rgb", "TileDamaged", "tile (0, 0)", payload(0, random_bytes(80)), "decode"),
    Row("payload_all_ones", "plain_rgb", "TileDamaged", "tile (0, 0)", payload(0, lambda data: b"\xff" * 64), "decode"),
    Row(
        "payload_too_short", "plain_rgb", "TileDamaged", "shorter than any", payload(0, lambda data: b"\1\0"), "decode"
    ),
    Row("payload_halved", "four_bands", "TileDamaged", "tile (0, 0)", payload(1, lambda data: data[:12]), "decode"),
    Row("latents_crc", "plain_rgb", "TileDamaged", "not those that were encoded", entry(0, crc_decoded=1), "decode"),
    Row("planes_crc", "many_tiles", "MaskDamaged", "do not match their checksum", entry(0, crc_coded=1), "decode"),
    Row(
        "planes_class_set",
        "nodata",
        "MaskDamaged",
        "impossible class set",
        payload(0, lambda data: b"\0" + data[1:]),
        "decode",
    ),
    Row("planes_cut", "alpha", "MaskDamaged", "unreadable", payload(0, lambda data: data[:-3]), "decode"),
    Row("planes_missing", "alpha", "MaskDamaged", "too short", payload(0, lambda data: b""), "decode"),
    Row(
        "planes_of_another",
        "nodata",
        "MaskDamaged",
        "not those that were encoded",
        payload(0, lambda data: b"\1"),
        "decode",
    ),
    Row(
        "wrong_weights",
        "plain_rgb",
        "WrongWeights",
        "0123456789abcdef",
        fields(weights_hash=bytes.fromhex("0123456789abcdef")),
        "decode",
    ),
    Row("missing_weights", "plain_rgb", "MissingWeights", "vec-1", lambda data: data, "decode", weights=False),
    Row("radiometry_alone_0", "components_alone", "RadiometryDamaged", "a group of their own", alone(0), "decode"),
    Row("radiometry_alone_8", "components_alone", "RadiometryDamaged", "a group of their own", alone(8), "decode"),
    Row("radiometry_alone_1", "components_alone", "BadField", "network groups", alone(1), "decode"),
    Row(
        "radiometry_short_of_uint16",
        "uint16",
        "RadiometryDamaged",
        "short spectral transform",
        section("radiometry", struct.pack("<BH6s", 32, 0, bytes(6))),
        "decode",
    ),
    Row("flat_crc", "flat_groups", "TileDamaged", "not those that were encoded", entry(1, crc_decoded=1), "decode"),
    Row("bound_without_section", "plain_rgb", "LimitExceeded", "bound section", fields(flags=18)),
    Row("bound_nan", "bound_2", "BadField", "no largest error", bound(2.0, float("nan"))),
    Row("bound_negative", "bound_2", "BadField", "no largest error", bound(2.0, -2.0)),
    Row("bound_fraction", "bound_2", "BadField", "no largest error", bound(2.0, 2.5)),
    Row("bound_above_16_bits", "bound_2", "BadField", "no largest error", bound(2.0, 65536.0)),
    Row("bound_0_of_floats", "bound_float32_nan", "BadField", "no largest error", bound(1.5, 0.0)),
    Row("bound_infinite", "bound_float32_nan", "BadField", "no largest error", bound(1.5, float("inf"))),
    Row("bound_short", "bound_2", "BadField", "4 bytes, not 8", short_bound),
    Row("bound_of_a_float_model", "bound_2", "BadField", "the same everywhere", fields(arithmetic=2)),
    Row("residual_of_an_absent_tile", "bound_tiles", "IndexDamaged", "a residual but no groups", entry(11, length=9)),
    Row("residual_too_long", "bound_2", "LimitExceeded", "above the limit", entry(1, length=2**31)),
    Row("residual_crc", "bound_2", "TileDamaged", "the residual at byte", flip(7), "decode"),
    Row("residual_cut_off", "bound_tiles", "TileDamaged", "cut off", lambda data: data[:-2], "decode"),
    Row("residual_random", "bound_2", "TileDamaged", "tile (0, 0)", payload(1, random_bytes(400)), "decode"),
    Row(
        "residual_too_short", "bound_2", "TileDamaged", "shorter than any", payload(1, lambda data: data[:5]), "decode"
    ),
    Row(
        "residual_halved",
        "bound_uint16",
        "TileDamaged",
        "tile (0, 0)",
        payload(2, lambda data: data[: len(data) // 2]),
        "decode",
    ),
    Row(
        "residual_of_another_base",
        "bound_2",
        "TileDamaged",
        "tile (0, 0)",
        payload(1, lambda data: b"\xff" + data[1:]),
        "decode",
    ),
    Row("residual_pixels_crc", "bound_2", "TileDamaged", "pixels are not those", entry(1, crc_decoded=1), "decode"),
    Row("weights_below_1", "balance", "RadiometryDamaged", "impossible weights", weights(1, 2, 0.5, 1, 1), "decode"),
    Row("weights_nan", "balance_rgb", "RadiometryDamaged", "impossible weights", weights(1, float("nan"), 1), "decode"),
    Row(
        "weights_infinite",
        "balance",
        "RadiometryDamaged",
        "impossible weights",
        weights(1, 2, float("inf"), 1, 1),
        "decode",
    ),
    Row(
        "weights_of_one_band",
        "one_band",
        "RadiometryDamaged",
        "2 and more",
        section("radiometry", struct.pack("<BHf", 128, 0, 1.0)),
        "decode",
    ),
    Row(
        "weights_cut",
        "balance",
        "RadiometryDamaged",
        "bytes, not",
        lambda data: section("radiometry", StreamReader.from_bytes(data).radiometry[:-4])(data),
        "decode",
    ),
    Row("hash_of_the_exact_path", "plain_rgb", "WrongWeights", "other weights", fields(arithmetic=4), "decode"),
    Row("hash_of_the_synthesis_too", "integer_2", "WrongWeights", "other weights", fields(arithmetic=1), "decode"),
    Row(
        "residual_removed",
        "integer_2_bound",
        "TileDamaged",
        "pixels are not those",
        payload(2, lambda data: b""),
        "decode",
    ),
    Row(
        "planes_removed",
        "integer_2_planes",
        "MaskDamaged",
        "not those that were encoded",
        payload(0, lambda data: b""),
        "decode",
    ),
    Row(
        "empty_residual_without_crc",
        "integer_2_bound_wide",
        "TileDamaged",
        "pixels are not those",
        entry(2, crc_decoded=0),
        "decode",
    ),
    Row(
        "empty_planes_without_crc",
        "integer_2_planes",
        "MaskDamaged",
        "not those that were encoded",
        entry(4, crc_decoded=0),
        "decode",
    ),
    Row(
        "empty_residual_crc_coded", "integer_2_bound_wide", "IndexDamaged", "checksum of nothing", entry(2, crc_coded=1)
    ),
    Row("absent_group_crc", "integer_2_planes", "IndexDamaged", "checksum of nothing", entry(7, crc_decoded=1)),
    Row("absent_residual_crc", "integer_2_bound", "IndexDamaged", "checksum of nothing", entry(11, crc_decoded=1)),
    Row(
        "empty_residual_crc_of_integer_1", "bound_wide", "IndexDamaged", "checksum of nothing", entry(1, crc_decoded=1)
    ),
    Row("metadata_nested", "plain_rgb", "MetadataDamaged", "nests deeper", section("metadata", NESTED)),
    Row(
        "nodata_with_underscore",
        "plain_rgb",
        "MetadataDamaged",
        "impossible nodata",
        section("metadata", zlib.compress(b'{"nodata":"1_0"}')),
        "decode",
    ),
    Row(
        "class_planes_without_flag",
        "plain_rgb",
        "BadField",
        "the header has none",
        section("radiometry", bytes([1, 0, 0])),
        "decode",
    ),
    Row(
        "lossless_band_without_flag",
        "plain_rgb",
        "BadField",
        "the header has none",
        section("radiometry", bytes([0, 0b100, 0])),
        "decode",
    ),
)
