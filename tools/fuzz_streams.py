"""Damages streams at random and decodes them. Each must end in a named error, or in a decode that reports its bad
tiles.

    python tools/fuzz_streams.py --count 20000 --seed 1          prints the figures as JSON; exit code 1 on a finding
    python tools/fuzz_streams.py --seed 1 --only 4711            one stream again, in this process, with its traceback
    python tools/fuzz_streams.py --kind fork --count 100         one kind only; --only needs the same --kind

    frozen vector --a kind of damage--> damaged --> StreamReader, SceneDecoder, Scene.save in a worker with limits

The kinds take turns:

    nothing     mutations without repaired checksums
    checksums   mutations with correct checksums around them
    results     the same, also with correct checksums of the decoded payloads
    removal     removed payloads: their index entries are 0, and the checksums of the index are correct
    metadata    sound streams whose metadata is JSON of other structures, strange texts or many entries
    weights     sound streams, decoded with a modified weights file
    fork        sound streams, decoded in a child forked by a process with two threads

A finding is
- an exception without a name in rscodec.bitstreams.errors;
- a worker that crashes, or a child that does not end;
- more CPU time than BASE_SECONDS and SECONDS_PER_BYTE allow;
- after "nothing", "removal" and "weights": contents that differ silently from the encoded ones.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from mutations import MUTATIONS, removed
from strange_metadata import with_strange_metadata
from strange_weights import with_strange_weights
from surgery import index_of, layout, payloads_of, repair, with_index

import rscodec
from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import BitstreamError, RscodecError
from rscodec.bitstreams.planes import decode_planes, planes_crc
from rscodec.concurrency.threads import turn
from rscodec.models.weights import codec_for_decoding
from rscodec.raster.metadata_schema import stream_metadata
from rscodec.raster.scene import Scene
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.tile_payload import latents_crc

FOLDER = Path(__file__).resolve().parent.parent / "bitstreams" / "vectors"
WEIGHTS = FOLDER / "vec-1.safetensors"
VECTORS = [path.read_bytes() for path in sorted(FOLDER.glob("v1/passed/*/stream.bin"))]
KINDS = {"nothing": 5, "checksums": 3, "results": 3, "removal": 1, "metadata": 2, "weights": 1, "fork": 1}  # of 16
CHECKED = [data for data in VECTORS if StreamReader.from_bytes(data).header.checks_empty]
MEMORY = 2 * 2**30  # bytes of address space beyond those of the libraries
SECONDS = 60  # for one stream; then its worker is killed
CHILD_SECONDS = 10  # for one stream in a forked child
BASE_SECONDS, SECONDS_PER_BYTE = 2, 2e-5  # CPU time for one stream
MOST_WINDOWS, MOST_PIXELS = 4, 2**22  # a damaged header may claim a large scene: it is decoded in part and not saved
FINDING = "FINDING"
ENDS = {0: "decoded", 1: "a named error"}  # by the exit code of a child


class Mutant(NamedTuple):
    """A damaged stream, its original vector, and the weights file to decode it with."""

    kind: str
    data: bytes
    original: bytes
    weights: bytes | None = None


def mutant(seed: int, number: int, kinds: tuple[str, ...]) -> Mutant:
    """The damaged stream with this number."""
    rng = np.random.default_rng([seed, number])
    turns = [kind for kind in kinds for _ in range(KINDS[kind])]
    kind = turns[number % len(turns)]
    vectors = CHECKED if kind in ("removal", "weights") else VECTORS
    original = vectors[rng.integers(len(vectors))]
    if kind == "removal":
        return Mutant(kind, repair(removed(rng, original)), original)
    if kind == "metadata":
        return Mutant(kind, repair(with_strange_metadata(rng, original)), original)
    if kind == "weights":
        return Mutant(kind, original, original, with_strange_weights(rng, WEIGHTS.read_bytes()))
    if kind == "fork":
        return Mutant(kind, original, original)
    data = original
    while data in VECTORS:
        for mutation in rng.choice(MUTATIONS, rng.choice([1, 1, 1, 2, 3])):
            data = mutation(rng, data, VECTORS)
    if kind in ("checksums", "results"):
        data = repair(fitted(data) if rng.random() < 0.5 else data)
    return Mutant(kind, with_right_results(data) if kind == "results" else data, original)


def fitted(data: bytes) -> bytes:
    """The stream, with the last payload changed to end at the end of the stream, if possible."""
    entries, (_, end) = index_of(data), layout(data)
    if not entries["length"].any():
        return data
    last = np.flatnonzero(entries["length"])[-1]
    left = len(data) - end - 4 - int(entries["length"][:last].sum(dtype=np.int64))
    if 0 < left < 2**32:
        entries["length"][last] = left
    return with_index(data, entries)


def with_right_results(data: bytes) -> bytes:
    """The stream with correct crc_decoded for all payloads that decode."""
    try:
        decoder = opened(data)
    except RscodecError:
        return data
    header, radiometry, grid = decoder.reader.header, decoder.radiometry, decoder.grid

    def crc_decoded(number: int, payload: bytes) -> int | None:
        position, entry = divmod(number, header.entries)
        tile = grid.tile(*divmod(position, grid.cols))
        latents = grid.to_latents(tile)
        try:
            if entry == header.planes + header.groups:
                position = divmod(position, grid.cols)
                known, bounded = decoder.tiles.latents([position])[position], decoder.bounded
                classes = bounded.classes(*position)
                return None if known is None else bounded.with_residual(tile, known, payload, classes)[1]
            if entry < header.planes:
                counts = radiometry.plane_count, len(radiometry.exact)
                return planes_crc(*decode_planes(payload, *counts, tile.height, tile.width, header.dtype))
            return latents_crc(decoder.codec.decode([payload], latents.height, latents.width, header.quality)[0])
        except BitstreamError:
            return None

    whole = [len(payload) for payload in payloads_of(data)] == index_of(data)["length"].tolist()
    return repair(data, crc_decoded) if whole else data


@cache
def tiny_codec():
    return codec_for_decoding(StreamReader.from_bytes(VECTORS[0]).header, WEIGHTS)


def opened(data: bytes, weights: Path = WEIGHTS) -> SceneDecoder:
    """A decoder. The tiny model is loaded once; other models are loaded as for users."""
    reader, tiny = StreamReader.from_bytes(data), tiny_codec()
    header = reader.header
    named = header.model == tiny.model and header.weights_hash == tiny.weights_hashes.get(header.arithmetic)
    codec = tiny if named and weights == WEIGHTS else codec_for_decoding(header, weights)
    return SceneDecoder(reader, codec, on_error="nodata")


def contents(decoder: SceneDecoder) -> dict:
    """The contents of a stream: header, metadata, and checksums of the latents of tiles and the pixels of windows."""
    said = {"header": decoder.reader.header, "metadata": stream_metadata(decoder.reader)}
    for row, col, latents in decoder.tiles.in_order():
        said[row, col] = None if latents is None else latents_crc(latents)
    for window in decoder.windows()[:MOST_WINDOWS]:
        pixels, classes = decoder.read(window)
        said[window] = zlib.crc32(pixels.tobytes()), None if classes is None else zlib.crc32(classes.tobytes())
    return said


@cache
def honest(original: bytes) -> dict:
    return contents(opened(original))


def outcome(one: Mutant, folder: Path) -> str:
    """How decoding a stream ends."""
    if one.kind == "fork":
        return outcome_in_child(one)
    weights = WEIGHTS
    if one.weights:
        weights = folder / "weights.safetensors"
        weights.write_bytes(one.weights)
    try:
        decoder = opened(one.data, weights)
        said = contents(decoder)
        save(decoder, folder)
    except RscodecError as problem:
        return f"{one.kind}: {type(problem).__name__}"
    bad = {tile[:2] for tile in decoder.bad}
    if one.kind in ("nothing", "removal", "weights"):
        whole = ("header", "metadata")
        compared = [key for key in said if not bad or key in whole or (len(key) == 2 and key not in bad)]
        if [said[key] for key in compared] != [honest(one.original)[key] for key in compared]:
            return f"{FINDING}: {one.kind}: other contents, and nothing said of it"
    return f"{one.kind}: decoded, {'bad tiles reported' if bad else 'all tiles good'}"


def save(decoder: SceneDecoder, folder: Path) -> None:
    """Write the scene to a file, unless it is large."""
    header = decoder.reader.header
    if header.width * header.height * header.bands <= MOST_PIXELS:
        pixels, classes = decoder.read(decoder.grid.scene)
        Scene(pixels, classes, decoder.reader.metadata).save(folder / "scene.tif", overwrite=True)


def outcome_in_child(one: Mutant) -> str:
    """How decoding a stream ends in a forked child. The libraries' threads of this process do not
    exist in the child.
    """
    with turn(threads=2):
        rscodec.decode(one.data, weights=WEIGHTS)
    child = os.fork()
    if child == 0:
        os._exit(_exit_code(one.data))
    until = time.monotonic() + CHILD_SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return f"fork: {ENDS[code]}" if code in ENDS else f"{FINDING}: fork: the child ended with {code}"
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return f"{FINDING}: fork: the child did not end"


def _exit_code(data: bytes) -> int:
    try:
        rscodec.decode(data, weights=WEIGHTS)
        return 0
    except RscodecError:
        return 1
    except BaseException:
        return 2


def timed(one: Mutant, folder: Path) -> str:
    """The outcome. Too much time for the size of the stream is a finding."""
    started = time.process_time()
    ended = outcome(one, folder)
    seconds, size = time.process_time() - started, len(one.weights or one.data)
    if seconds > BASE_SECONDS + SECONDS_PER_BYTE * size:
        return f"{FINDING}: {one.kind}: {seconds:.1f} s of CPU time for {size} bytes"
    return ended


def warm_up(folder: Path) -> None:
    """Import libraries in advance, so that the first stream is not charged for it."""
    rscodec.decode(VECTORS[0], weights=WEIGHTS)
    save(opened(VECTORS[0]), folder)


def work(pipe, seed: int, kinds: tuple[str, ...], numbers: list[int]) -> None:
    """A worker: reports each stream that it starts, and the outcome."""
    warnings.simplefilter("ignore")
    for original in VECTORS:
        honest(original)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        warm_up(Path(folder))
        for number in numbers:
            pipe.send((number, None, 0.0))
            started = time.perf_counter()
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                ended = timed(mutant(seed, number, kinds), Path(folder))
            except Exception as problem:
                ended = f"{FINDING}: {type(problem).__name__}: {problem}"
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send((number, ended, time.perf_counter() - started))


def examined(seed: int, kinds: tuple[str, ...], numbers: list[int]) -> Iterator[tuple[int, str, float]]:
    """Yield (number, outcome, seconds) for these streams. A worker that dies is replaced."""
    context = multiprocessing.get_context("spawn")
    while numbers:
        receive, send = context.Pipe(duplex=False)
        worker = context.Process(target=work, args=(send, seed, kinds, numbers))
        worker.start()
        send.close()
        begun = None
        try:
            while True:
                number, ended, seconds = receive.recv()
                begun = number if ended is None else begun
                if ended is not None:
                    yield number, ended, seconds
        except EOFError:
            worker.join()
        if worker.exitcode == 0:
            return
        if begun is None:
            raise click.ClickException(f"a worker ended with {worker.exitcode} before its first stream")
        yield begun, f"{FINDING}: the worker ended with {worker.exitcode}", 0.0
        numbers = numbers[numbers.index(begun) + 1 :]


@click.command()
@click.option("--count", default=20000, show_default=True, help="Number of streams.")
@click.option("--seed", default=1, show_default=True)
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    default=tuple(KINDS),
    type=click.Choice(tuple(KINDS)),
    help="Kind of damage; may be repeated.  [default: all]",
)
@click.option("--only", type=int, help="Only this stream.")
def main(count: int, seed: int, workers: int, kinds: tuple[str, ...], only: int | None) -> None:
    if only is not None:
        with tempfile.TemporaryDirectory() as folder:
            warm_up(Path(folder))
            click.echo(timed(mutant(seed, only, kinds), Path(folder)))
        return
    started, shares = time.perf_counter(), [list(range(count))[worker::workers] for worker in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda share: list(examined(seed, kinds, share)), shares))
    results = [result for share in found for result in share]
    outcomes = Counter(ended for _, ended, _ in results if not ended.startswith(FINDING))
    findings = {number: ended for number, ended, _ in sorted(results) if ended.startswith(FINDING)}
    slowest = max(results, key=lambda result: result[2])
    figures = {
        "streams": len(results),
        "seconds": round(time.perf_counter() - started, 1),
        "slowest_stream": slowest[0],
        "slowest_seconds": round(slowest[2], 2),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "outcomes": dict(sorted(outcomes.items())),
        "findings": findings,
    }
    click.echo(json.dumps(figures, indent=1))
    sys.exit(1 if findings or len(results) != count else 0)


if __name__ == "__main__":
    main()
