"""Damage streams at random and decode them: each must end in a named error, or in a decode that reports its bad tiles.

    python tools/fuzz_streams.py --count 20000 --seed 1          prints the figures as JSON; exit code 1 on a finding
    python tools/fuzz_streams.py --seed 1 --only 4711            one stream again, in this process, with its traceback

    frozen vector --mutations--> damaged --every second one: repair--> right checksums around the damage, in half of
    these also those of what it decodes to --> StreamReader, SceneDecoder, Scene.save in a worker with limits

A finding is an exception without a name in bitstreams.errors, the death of a worker (a crash, or a stream that took too
long), or, in a stream whose checksums were left alone, contents that silently differ from those that were encoded.
"""

from __future__ import annotations

import json
import multiprocessing
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

import click
import numpy as np
from mutations import MUTATIONS
from surgery import index_of, layout, payloads_of, repair, with_index

from bitstreams import StreamReader
from bitstreams.errors import BitstreamError, RscodecError
from bitstreams.planes import decode_planes, planes_crc
from rscodec.decoder import SceneDecoder
from rscodec.encoder import latents_crc
from rscodec.metadata_form import stream_metadata
from rscodec.scene import Scene
from rscodec.weights import codec_for_decoding

FOLDER = Path(__file__).resolve().parent.parent / "bitstreams" / "vectors"
WEIGHTS = FOLDER / "vec-1.safetensors"
VECTORS = [path.read_bytes() for path in sorted(FOLDER.glob("v1/passed/*/stream.bin"))]
REPAIRS = ("nothing", "checksums", "nothing", "checksums and results")
MEMORY = 2 * 2**30  # bytes of address space beyond what the libraries take
SECONDS = 60  # for one stream
MOST_WINDOWS, MOST_PIXELS = 4, 2**22  # what a damaged header announces may be large: decoded in part, and not saved
FINDING = "FINDING"


def mutant(seed: int, number: int) -> tuple[bytes, bytes, str]:
    """The damaged stream of this number, the vector that it was, and what was repaired."""
    rng = np.random.default_rng([seed, number])
    original, repaired = VECTORS[rng.integers(len(VECTORS))], REPAIRS[number % 4]
    data = original
    while data in VECTORS:
        for mutation in rng.choice(MUTATIONS, rng.choice([1, 1, 1, 2, 3])):
            data = mutation(rng, data, VECTORS)
    if repaired != "nothing":
        data = repair(fitted(data) if rng.random() < 0.5 else data)
    return (with_right_results(data) if repaired == "checksums and results" else data), original, repaired


def fitted(data: bytes) -> bytes:
    """The stream with a last payload that ends where the stream ends, if that can be."""
    entries, (_, end) = index_of(data), layout(data)
    if not entries["length"].any():
        return data
    last = np.flatnonzero(entries["length"])[-1]
    left = len(data) - end - 4 - int(entries["length"][:last].sum(dtype=np.int64))
    if 0 < left < 2**32:
        entries["length"][last] = left
    return with_index(data, entries)


def with_right_results(data: bytes) -> bytes:
    """The stream with the crc_decoded of what its payloads decode to, as far as they do."""
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
                known = decoder.tile(*position)
                return None if known is None else decoder.with_residual(*position, tile, known, payload)[1]
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


def opened(data: bytes) -> SceneDecoder:
    """A decoder, with the tiny model loaded once and any other asked for as a user would."""
    reader = StreamReader.from_bytes(data)
    names = reader.header.model, reader.header.weights_hash
    tiny = names == (tiny_codec().model, tiny_codec().weights_hash)
    return SceneDecoder(reader, tiny_codec() if tiny else codec_for_decoding(reader.header, WEIGHTS), on_error="nodata")


def contents(decoder: SceneDecoder) -> dict:
    """What a stream says: header, metadata, and checksums of the latents of tiles and of the pixels of windows."""
    said = {"header": decoder.reader.header, "metadata": stream_metadata(decoder.reader)}
    for row, col, latents in decoder.tile_latents():
        said[row, col] = None if latents is None else latents_crc(latents)
    for window in decoder.windows()[:MOST_WINDOWS]:
        pixels, classes = decoder.read(window)
        said[window] = zlib.crc32(pixels.tobytes()), None if classes is None else zlib.crc32(classes.tobytes())
    return said


@cache
def honest(original: bytes) -> dict:
    return contents(opened(original))


def outcome(seed: int, number: int, folder: str) -> str:
    """How the stream of this number ends."""
    data, original, repaired = mutant(seed, number)
    try:
        decoder = opened(data)
        said = contents(decoder)
        header = decoder.reader.header
        if header.width * header.height * header.bands <= MOST_PIXELS:
            pixels, classes = decoder.read(decoder.grid.scene)
            Scene(pixels, classes, decoder.reader.metadata).save(Path(folder) / "scene.tif", overwrite=True)
    except RscodecError as problem:
        return f"{repaired}: {type(problem).__name__}"
    bad = {tile[:2] for tile in decoder.bad}
    if repaired == "nothing":
        compared = [key for key in said if not bad or key in ("header", "metadata") or len(key) == 2 and key not in bad]
        if [said[key] for key in compared] != [honest(original)[key] for key in compared]:
            return f"{FINDING}: other contents, and nothing said of it"
    return f"{repaired}: decoded, {'bad tiles reported' if bad else 'all tiles good'}"


def work(pipe, seed: int, numbers: list[int]) -> None:
    """A worker: says which stream it begins, and how it ended."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for original in VECTORS:
        honest(original)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            pipe.send((number, None, 0.0))
            started = time.perf_counter()
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                ended = outcome(seed, number, folder)
            except Exception as problem:
                ended = f"{FINDING}: {type(problem).__name__}: {problem}"
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send((number, ended, time.perf_counter() - started))


def examined(seed: int, numbers: list[int]) -> Iterator[tuple[int, str, float]]:
    """(number, outcome, seconds) of these streams, in a worker that is replaced when it dies."""
    context = multiprocessing.get_context("spawn")
    while numbers:
        receive, send = context.Pipe(duplex=False)
        worker = context.Process(target=work, args=(send, seed, numbers))
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
@click.option("--count", default=20000, show_default=True, help="Streams.")
@click.option("--seed", default=1, show_default=True)
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--only", type=int, help="This stream alone.")
def main(count: int, seed: int, workers: int, only: int | None) -> None:
    if only is not None:
        with tempfile.TemporaryDirectory() as folder:
            click.echo(outcome(seed, only, folder))
        return
    started, shares = time.perf_counter(), [list(range(count))[worker::workers] for worker in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        results = [result for share in pool.map(lambda share: list(examined(seed, share)), shares) for result in share]
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
