"""The range coder, in C and in Python, against CompressAI's: the same bytes, the same symbols."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rscodec.bitstreams.errors import SymbolsDamaged
from rscodec.codec import rans
from rscodec.codec.coder import SymbolCoder
from rscodec.codec.logistic import logistic_coder
from rscodec.codec.tables import gaussian_frequencies, to_frequencies
from tests.bitstreams import test_vectors as vectors

pytestmark = pytest.mark.usefixtures("range_coder")
LIMIT = 2**26  # the largest that the format knows; CompressAI's coder fails from 2^27 on
CLEAN = (1 << 31).to_bytes(8, "little")  # the state in which a payload begins and ends


def some_tables(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(frequencies, reaches): flat, steep and random tables, narrow and wide."""
    rng = np.random.default_rng(seed)
    reaches = np.array([0, 0, 1, 1, *rng.integers(0, 400, 12), 2000])
    tables = [np.array([rans.TOTAL - 1, 1]), np.array([1, rans.TOTAL - 1]), np.array([1, 1, rans.TOTAL - 3, 1])]
    for reach in reaches[len(tables) :]:
        masses = rng.dirichlet(np.full(2 * reach + 2, rng.choice([0.05, 1.0, 50.0])))
        tables.append(to_frequencies(masses * (1 - (2 * reach + 2) / rans.TOTAL)))
    return np.concatenate(tables), reaches


def some_symbols(seed: int, count: int, reaches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(symbols, indexes): most within their tables, some at the first escapes, some as far as they go."""
    rng = np.random.default_rng(seed)
    indexes = rng.integers(0, len(reaches), count)
    reach = reaches[indexes]
    near = rng.integers(-reach - 2, reach + 3)
    far = np.rint(rng.choice([-1, 1], count) * 2 ** rng.uniform(0, 26, count)).astype(np.int64)
    return np.where(rng.random(count) < 0.1, far, near).astype(np.int32), indexes.astype(np.int32)


@pytest.fixture(scope="module")
def compressai():
    return pytest.importorskip("compressai.ans")


class Reference:
    """CompressAI's coder with tables of ours. Its encoder may write beyond its memory for fewer than four symbols."""

    def __init__(self, module, tables: rans.Tables):
        self.module = module
        starts = [one.tolist() for one in tables.each]
        self.tables = starts, [len(start) for start in starts], [(3 - len(start)) // 2 for start in starts]

    def encode(self, symbols: np.ndarray, indexes: np.ndarray) -> bytes:
        assert len(symbols) >= 4
        return self.module.RansEncoder().encode_with_indexes(symbols.tolist(), indexes.tolist(), *self.tables)

    def decode(self, payload: bytes, indexes: np.ndarray) -> list[int]:
        decoder = self.module.RansDecoder()
        decoder.set_stream(payload + bytes(20 * len(payload) + 8 * len(indexes) + 1024))
        return decoder.decode_stream(indexes.tolist(), *self.tables)


def decoded(
    payload: bytes, indexes: np.ndarray, tables: rans.Tables, pieces: int = 1, limit: int = LIMIT
) -> np.ndarray:
    decoder = rans.Decoder(payload, tables)
    return np.concatenate([decoder.read(part, limit) for part in np.array_split(indexes, pieces)])


@pytest.mark.parametrize("count", [4, 17, 1000, 60_000])
@pytest.mark.parametrize("seed", range(5))
def test_the_bytes_are_those_of_compressai(seed: int, count: int, compressai):
    frequencies, reaches = some_tables(seed)
    tables, (symbols, indexes) = rans.Tables(frequencies, reaches), some_symbols(seed, count, reaches)
    payload = rans.encode(symbols, indexes, tables)
    assert payload == Reference(compressai, tables).encode(symbols, indexes)
    for pieces in (1, 3, 50):
        assert np.array_equal(decoded(payload, indexes, tables, pieces), symbols)


@pytest.mark.parametrize("set_of_tables", ["gaussian", "logistic"])
def test_with_the_tables_of_the_format_too(set_of_tables: str, compressai):
    tables = logistic_coder().tables if set_of_tables == "logistic" else rans.Tables(*gaussian_frequencies())
    reaches = np.diff(tables.firsts) // 2 - 1
    symbols, indexes = some_symbols(0, 20_000, reaches)
    payload = rans.encode(symbols, indexes, tables)
    assert payload == Reference(compressai, tables).encode(symbols, indexes)
    assert np.array_equal(decoded(payload, indexes, tables, 7), symbols)


def test_escapes_of_every_length(compressai):
    frequencies, reaches = some_tables(1)
    tables = rans.Tables(frequencies, reaches)
    reference = Reference(compressai, tables)
    edges = np.unique([1 << bit for bit in range(26)] + [(1 << bit) - 1 for bit in range(26)] + [LIMIT])
    for index, reach in enumerate(reaches):
        symbols = np.concatenate([edges, -edges, reach + edges, -reach - edges])
        symbols = symbols[np.abs(symbols) <= LIMIT].astype(np.int32)
        indexes = np.full(len(symbols), index)
        payload = rans.encode(symbols, indexes, tables)
        assert payload == reference.encode(symbols, indexes)
        assert np.array_equal(decoded(payload, indexes, tables), symbols)


def test_no_symbols():
    tables, none = rans.Tables(*some_tables(0)), np.empty(0, np.int32)
    assert rans.encode(none, none, tables) == CLEAN
    assert decoded(CLEAN, none, tables).shape == (0,)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_so_few_symbols_that_compressai_can_only_read_them(count: int, compressai):
    frequencies, reaches = some_tables(2)
    tables = rans.Tables(frequencies, reaches)
    reference = Reference(compressai, tables)
    for seed in range(300):
        symbols, indexes = some_symbols(seed, count, reaches)
        payload = rans.encode(symbols, indexes, tables)
        assert reference.decode(payload, indexes) == symbols.tolist()
        assert np.array_equal(decoded(payload, indexes, tables), symbols)


@pytest.mark.parametrize("symbol", [2**31 - 1, -(2**31)])
def test_the_largest_integers_are_written_as_they_are(symbol: int, range_coder: str):
    """They are far beyond the limits of the format; the C code must stay within its memory all the same."""
    tables = rans.Tables(*some_tables(0))
    payload = rans.encode(np.full(1000, symbol, np.int32), np.zeros(1000, np.int32), tables)
    assert len(payload) <= 8 + 1000 * 7
    assert payload == rans._encode(np.full(1000, symbol, np.int32), np.zeros(1000, np.int32), tables)


@pytest.mark.parametrize("kind", [np.int64, np.int16, np.uint8])
def test_arrays_of_other_kinds_and_strides(kind: type):
    frequencies, reaches = some_tables(3)
    tables = rans.Tables(frequencies, reaches)
    symbols, indexes = np.arange(200).astype(kind), (np.arange(200) % len(reaches)).astype(kind)
    assert rans.encode(symbols[::-2], indexes[::-2], tables) == rans.encode(
        symbols[::-2].astype(np.int32), indexes[::-2].astype(np.int32), tables
    )
    payload = rans.encode(symbols, indexes, tables)
    assert decoded(payload, indexes, tables).tolist() == symbols.tolist()
    assert decoded(payload, indexes, tables).dtype == np.int32


@pytest.mark.parametrize("index", [-1, 17, 2**31 - 1, -(2**31)])
def test_an_index_without_a_table_is_refused(index: int):
    tables = rans.Tables(*some_tables(0))
    indexes = np.array([0, 1, index, 2])
    with pytest.raises(IndexError, match="index of a table"):
        rans.encode(np.zeros(4, np.int32), indexes, tables)
    with pytest.raises(IndexError, match="index of a table"):
        rans.Decoder(bytes(100), tables).read(indexes, LIMIT)


def test_symbols_and_indexes_are_as_many():
    tables = rans.Tables(*some_tables(0))
    with pytest.raises(ValueError, match="3 symbols and 4 indexes"):
        rans.encode(np.zeros(3, np.int32), np.zeros(4, np.int32), tables)


def flipped(payload: bytes, rng: np.random.Generator) -> bytes:
    data = np.frombuffer(payload, np.uint8).copy()
    data[rng.integers(0, len(data), 3)] ^= rng.integers(1, 256, 3, np.uint8)
    return data.tobytes()


DAMAGE: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "flipped": flipped,
    "cut": lambda payload, rng: payload[: rng.integers(0, len(payload))],
    "noise": lambda payload, rng: rng.bytes(rng.integers(0, len(payload))),
    "zeros": lambda payload, rng: bytes(rng.integers(0, len(payload))),
    "ones": lambda payload, rng: b"\xff" * rng.integers(0, len(payload)),
    "fifteens": lambda payload, rng: rng.bytes(8) + b"\x0f\0\0\0" * rng.integers(0, len(payload) // 4),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_payloads_are_read_as_compressai_reads_them_up_to_the_first_illegal_symbol(damage: str, compressai):
    frequencies, reaches = some_tables(4)
    tables = rans.Tables(frequencies, reaches)
    reference = Reference(compressai, tables)
    rng, cut = np.random.default_rng(5), 0
    for seed in range(100):
        symbols, indexes = some_symbols(seed, 300, reaches)
        payload = DAMAGE[damage](rans.encode(symbols, indexes, tables), rng)
        for limit in (1500, LIMIT):
            found = decoded(payload, indexes, tables, limit=limit)
            assert found.tolist() == reference.decode(payload, indexes)[: len(found)]
            assert np.abs(found).max(initial=0) <= limit
            cut += len(found) < len(indexes)
    assert cut or damage == "zeros"


@pytest.mark.parametrize("damage", DAMAGE)
def test_both_coders_read_damaged_payloads_alike(damage: str, range_coder: str, monkeypatch: pytest.MonkeyPatch):
    """The one in Python is the reference here."""
    frequencies, reaches = some_tables(6)
    tables, rng = rans.Tables(frequencies, reaches), np.random.default_rng(7)
    for seed in range(100):
        symbols, indexes = some_symbols(seed, 300, reaches)
        payload = DAMAGE[damage](rans.encode(symbols, indexes, tables), rng)
        found = decoded(payload, indexes, tables)
        with monkeypatch.context() as patch:
            patch.setattr(rans, "_rans", None)
            assert found.tolist() == decoded(payload, indexes, tables).tolist()


@pytest.mark.parametrize("length", [*range(20), 400])
def test_what_lies_behind_a_payload_is_not_read(length: int):
    frequencies, reaches = some_tables(8)
    tables, (symbols, indexes) = rans.Tables(frequencies, reaches), some_symbols(8, 300, reaches)
    payload = rans.encode(symbols, indexes, tables)[:length]
    within = memoryview(payload + b"\xa5" * 4000)[:length]
    assert decoded(within, indexes, tables).tolist() == decoded(payload, indexes, tables).tolist()
    assert decoded(payload + bytes(4000), indexes, tables).tolist() == decoded(payload, indexes, tables).tolist()


def test_damage_ends_in_a_named_error_or_in_other_symbols():
    frequencies, reaches = gaussian_frequencies()
    coder, rng, errors = SymbolCoder(frequencies, reaches), np.random.default_rng(9), 0
    symbols, indexes = some_symbols(9, 500, reaches)
    symbols = np.clip(symbols, -coder.limit, coder.limit)
    payload = coder.encode(symbols, indexes)
    for damage in [*DAMAGE.values()] * 100:
        try:
            found = coder.decoder(damage(payload, rng), len(indexes)).read(indexes)
            assert len(found) == len(indexes) and np.abs(found).max() <= coder.limit
        except SymbolsDamaged:
            errors += 1
    assert 100 < errors < 600


def test_threads_do_not_disturb_each_other():
    frequencies, reaches = some_tables(10)
    tables = rans.Tables(frequencies, reaches)
    work = [some_symbols(seed, 5000, reaches) for seed in range(8)]

    def there_and_back(symbols: np.ndarray, indexes: np.ndarray) -> bool:
        return np.array_equal(decoded(rans.encode(symbols, indexes, tables), indexes, tables, 9), symbols)

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(there_and_back, *zip(*work * 4, strict=True)))


@pytest.mark.parametrize("folder", vectors.PASSED, ids=vectors.name)
def test_frozen_streams_decode_with_either(folder: Path):
    vectors.test_decoded(folder)


@pytest.mark.parametrize("folder", vectors.FAILED, ids=vectors.name)
def test_frozen_streams_fail_with_either(folder: Path):
    vectors.test_failed(folder)


def test_it_works_where_the_extension_was_not_built(range_coder: str):
    code = (
        "import sys; sys.modules['rscodec.codec._rans'] = None\n"  # None: importing it fails
        "import numpy as np; from rscodec.codec import rans\n"
        "assert rans._rans is None\n"
        "tables = rans.Tables(np.array([65535, 1]), np.array([0]))\n"
        "print(rans.encode(np.array([0, 3]), np.array([0, 0]), tables).hex())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    tables = rans.Tables(np.array([65535, 1]), np.array([0]))
    assert printed.strip() == rans.encode(np.array([0, 3]), np.array([0, 0]), tables).hex()


def test_the_package_builds_the_extension(root: Path):
    tomllib = pytest.importorskip("tomllib")
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    extensions = settings["ext-modules"]
    assert [extension["name"] for extension in extensions] == ["rscodec.codec._rans", "rscodec.codec._layers"]
    for extension in extensions:
        assert extension["optional"] and all((root / source).is_file() for source in extension["sources"])
