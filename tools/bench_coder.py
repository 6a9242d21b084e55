"""Compares the speed of the range coder with CompressAI's, on the symbols of a real tile.

    python tools/bench_coder.py --quality 3 --quality 6

A synthetic scene of one tile is encoded and decoded once, and all calls of the range coder are recorded. Then the
coders repeat these calls in turn, in one process and one thread: arrays in, bytes out; bytes in, arrays out, pass by
pass. Each turn gives one ratio of CPU times to CompressAI's coder, so a busy machine slows both alike.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple
from unittest.mock import patch

import click
import numpy as np

import rscodec
from rscodec.codec import rans
from rscodec.codec.coder import SymbolCoder, SymbolDecoder
from rscodec.models.registry import DEFAULT_CODEC
from rscodec.synthetic.sample import synthesize

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # from a library that CompressAI loads
    from compressai.ans import RansDecoder, RansEncoder


class Payload(NamedTuple):
    """One payload: its bytes, tables, symbols and indexes, and the indexes of each pass."""

    data: bytes
    tables: rans.Tables
    limit: int
    symbols: np.ndarray
    indexes: np.ndarray
    passes: list[np.ndarray]


def recorded(size: int, quality: float, model: str) -> list[Payload]:
    """The calls of the coder while a scene is encoded and decoded."""
    encode, begin, read = SymbolCoder.encode, SymbolDecoder.__init__, SymbolDecoder.read
    written: dict[bytes, tuple] = {}
    passes: dict[bytes, list[np.ndarray]] = {}

    def recording_encode(self: SymbolCoder, symbols: np.ndarray, indexes: np.ndarray) -> bytes:
        data = encode(self, symbols, indexes)
        written[data] = (self.tables, self.limit, symbols, indexes)
        return data

    def recording_begin(self: SymbolDecoder, coder: SymbolCoder, payload: bytes, most_symbols: int) -> None:
        begin(self, coder, payload, most_symbols)
        self.passes = passes[payload] = []

    def recording_read(self: SymbolDecoder, indexes: np.ndarray) -> np.ndarray:
        self.passes.append(indexes)
        return read(self, indexes)

    with (
        patch.object(SymbolCoder, "encode", recording_encode),
        patch.object(SymbolDecoder, "__init__", recording_begin),
        patch.object(SymbolDecoder, "read", recording_read),
    ):
        pixels, _ = synthesize(size)
        rscodec.decode(rscodec.encode(pixels, quality=quality, model=model, tile=size))
    return [Payload(data, *written[data], passes[data]) for data in passes]


class Compressai:
    """CompressAI's coder. Its tables are lists, made once, and cut after the last table that a call needs."""

    def __init__(self, tables: rans.Tables):
        self._cdfs = [starts.tolist() for starts in tables.each]
        self._sizes = list(map(len, self._cdfs))
        self._offsets = [(3 - size) // 2 for size in self._sizes]

    def encode(self, payload: Payload) -> bytes:
        symbols, indexes = payload.symbols, payload.indexes
        return RansEncoder().encode_with_indexes(symbols.tolist(), indexes.tolist(), *self._up_to(indexes))

    def decode(self, payload: Payload) -> list[np.ndarray]:
        decoder = RansDecoder()
        decoder.set_stream(payload.data)
        return [
            np.array(decoder.decode_stream(indexes.tolist(), *self._up_to(indexes)), np.int32)
            for indexes in payload.passes
        ]

    def _up_to(self, indexes: np.ndarray) -> tuple[list, list, list]:
        last = int(indexes.max(initial=0)) + 1
        return self._cdfs[:last], self._sizes[:last], self._offsets[:last]


class Ours:
    """The coder of the package, in C or in Python."""

    def __init__(self, implementation):
        self._implementation = implementation

    def encode(self, payload: Payload) -> bytes:
        with patch.object(rans, "_rans", self._implementation):
            return rans.encode(payload.symbols, payload.indexes, payload.tables)

    def decode(self, payload: Payload) -> list[np.ndarray]:
        with patch.object(rans, "_rans", self._implementation):
            decoder = rans.Decoder(payload.data, payload.tables)
            return [decoder.read(indexes, payload.limit) for indexes in payload.passes]


def seconds(work: Callable[[Payload], object], payloads: list[Payload]) -> float:
    """Seconds of CPU time, which a busy machine hardly affects."""
    started = time.process_time()
    for payload in payloads:
        work(payload)
    return time.process_time() - started


@click.command()
@click.option("--quality", "qualities", multiple=True, default=(3.0, 6.0), show_default=True)
@click.option("--model", default=DEFAULT_CODEC, show_default=True, help="A row of the registry.")
@click.option("--size", default=512, show_default=True, help="Edge of the scene, which is one tile.")
@click.option("--repeats", type=click.IntRange(1), default=21, show_default=True)
def main(qualities: tuple[float, ...], model: str, size: int, repeats: int) -> None:
    """Print the medians of each coder, and the median of the paired ratios."""
    if rans._rans is None:
        raise click.UsageError("the coder in C was not built; run pip install -e . with a C compiler")
    for quality in qualities:
        payloads = recorded(size, quality, model)
        coders = {"CompressAI": Compressai(payloads[0].tables), "C": Ours(rans._rans), "Python": Ours(None)}
        for name, coder in coders.items():
            for payload in payloads:
                if coder.encode(payload) != payload.data:
                    raise click.ClickException(f"{name} wrote other bytes")
                if not np.array_equal(np.concatenate(coder.decode(payload)), payload.symbols):
                    raise click.ClickException(f"{name} read other symbols")
        works = {(what, name): getattr(coder, what) for what in ("encode", "decode") for name, coder in coders.items()}
        times = {key: [] for key in works}
        for _ in range(repeats):
            for key, work in works.items():
                times[key].append(seconds(work, payloads))
        count, size_of = sum(len(p.symbols) for p in payloads), sum(len(p.data) for p in payloads)
        click.echo(f"q {quality:g}: {count} symbols, {size_of} bytes, {sum(len(p.passes) for p in payloads)} passes")
        for (what, name), found in times.items():
            ratios = [theirs / ours for theirs, ours in zip(times[what, "CompressAI"], found, strict=True)]
            speed = count / statistics.median(found) / 1e6
            click.echo(f"  {what}  {name:11}{speed:7.2f} million symbols/s{statistics.median(ratios):7.2f} x")


if __name__ == "__main__":
    main()
