"""One machine of the matrix in test_exact.py: a process whose CPU pretends to be less than it is.

    python -m tests.helpers.machine numpy|torch C|Python

Reads a request a line from standard input, a JSON object whose "do" names a function below; answers with a line each.
"""

from __future__ import annotations

import json
import sys
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import BitstreamError
from rscodec.codec import numpy_arrays, rans
from rscodec.codec.arrays import Arrays, ExactLayer
from rscodec.codec.entropy import MU_LIMIT
from rscodec.codec.numpy_arrays import NumpyArrays
from rscodec.codec.portable import PortableCodec
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import SceneEncoder

LIBRARY, LANGUAGE = sys.argv[1:] or ("numpy", "C")


class Floats(NumpyArrays):
    """What the entropy path would be without its integers: noise on the weights, and no rounding between layers."""

    def exact_product(self, x, layer: ExactLayer, extra=None):
        noise = np.random.default_rng(0).random(layer.weight.shape, np.float32) - np.float32(0.5)
        return super().exact_product(x, replace(layer, weight=layer.weight + noise), extra)

    def finish(self, total, layer: ExactLayer, extra=None):
        if not layer.activation:
            larger = (
                8 if layer.limit == MU_LIMIT else 1
            )  # expectations as large as those of a trained model at high quality
            return super().finish(total, replace(layer, scale=layer.scale * np.float32(larger)), extra)
        value = (total + layer.bias) * layer.scale
        value = value if extra is None else value + extra
        return np.maximum(value, value * np.float32(0.125)).clip(layer.lowest, layer.limit)


class Untested(PortableCodec):
    def self_test(self) -> str:
        """What the weights file wants to hear."""
        return str(self.expected_self_test)


@cache
def codec(weights: str, floats: bool, device: str) -> PortableCodec:
    arrays: Arrays = Floats() if floats else NumpyArrays()
    if LIBRARY == "torch" or device != "cpu":
        from rscodec.networks.torch_arrays import TorchArrays

        arrays = TorchArrays(device)
    return (Untested if floats else PortableCodec)(Path(weights), arrays)


def capability() -> str:
    """The kernels of the library that are in use."""
    if LIBRARY == "torch":
        import torch

        return torch.backends.cpu.get_cpu_capability().lower()
    return next((str(one.get("architecture")) for one in threadpool_info() if one["user_api"] == "blas"), "")


def fingerprint() -> int:
    """Of float products: equal for machines that add up in the same order."""
    rng = np.random.default_rng(0)
    x, matrix = (rng.normal(0, 1, shape).astype(np.float32) for shape in ((1024, 160), (160, 256)))
    if LIBRARY == "torch":
        import torch

        return zlib.crc32((torch.from_numpy(x) @ torch.from_numpy(matrix)).numpy().tobytes())
    return zlib.crc32((x @ matrix).tobytes())


def encode(
    scene: str,
    stream: str,
    weights: str,
    quality: float,
    tile: int,
    threads=1,
    floats=False,
    device="cpu",
    max_error=None,
):
    """A scene in a .npy file into a stream."""
    source = SceneSource(Scene(np.load(scene)))
    with kernels(threads):
        encoder = SceneEncoder(source, codec(weights, floats, device), tile, max_error=max_error)
        encoder.write(stream, quality, overwrite=True)


def decode(stream: str, pixels: str, weights: str, threads=1, floats=False, device="cpu", backwards=False):
    """Its latents_crc32 and tiles_bad; `pixels` (.npy) is compared with what is decoded, or made if it is not there.

    The difference is in units of what the format allows: one level, or 1/255 of the coded range.
    """
    with kernels(threads):
        reader = StreamReader.from_bytes(Path(stream).read_bytes())
        decoder = SceneDecoder(reader, codec(weights, floats, device), on_error="nodata")
        tiles = [(row, col) for row in range(decoder.grid.rows) for col in range(decoder.grid.cols)]
        read = {tile: decoder.tiles.latents([tile])[tile] for tile in (tiles[::-1] if backwards else tiles)}
        crc = 0
        for latents in map(read.get, tiles):
            crc = zlib.crc32(latents.tobytes(), crc) if latents is not None else crc
        if decoder.bad:
            return {"latents_crc32": crc, "tiles_bad": len(decoder.bad)}
        found, _ = decoder.read(decoder.grid.scene)
    if not Path(pixels).exists():
        np.save(pixels, found)
    step = decoder.radiometry.scale / 255 if found.dtype.kind == "f" else max(1.0, decoder.radiometry.scale / 255)
    apart = float(np.abs(found.astype(float) - np.load(pixels)).max() / step)
    return {"latents_crc32": crc, "tiles_bad": 0, "apart": apart}


def kernels(threads: int):
    """So many threads for each product. Tiles have all that there are, since nobody takes a turn here."""
    if LIBRARY == "torch":
        import torch

        torch.set_num_threads(threads)
    return threadpool_limits(threads)


ACTIONS = {action.__name__: action for action in (capability, fingerprint, encode, decode)}


def main() -> None:
    if LANGUAGE == "Python":
        rans._rans = numpy_arrays._layers = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = ACTIONS[request.pop("do")](**request)
        except BitstreamError as problem:
            answer = {"error": str(problem)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
