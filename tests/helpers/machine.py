"""One machine of the matrix in test_exact.py: a process whose CPU pretends to be less than it is.

Reads a request a line from standard input, a JSON object whose "do" names a function below; answers with a line each.
"""

from __future__ import annotations

import json
import sys
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import torch

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import BitstreamError
from rscodec.codec.integer import Exact
from rscodec.codec.portable import PortableCodec
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import SceneEncoder


@cache
def codec(weights: str, floats: bool, device: str) -> PortableCodec:
    loaded = PortableCodec(Path(weights), device)
    return give_floats(loaded) if floats else loaded


def give_floats(loaded: PortableCodec) -> PortableCodec:
    """What the entropy path would be without its integers: noise on the weights, and no rounding between layers."""
    generator = torch.manual_seed(0)
    for name, layer in loaded._net.entropy.named_modules():
        if isinstance(layer, Exact):
            if name.endswith("_mu"):
                layer.scale *= 8  # expectations as large as those of a trained model at high quality
            layer.weight += (torch.rand(layer.weight.shape, generator=generator) - 0.5).to(layer.weight.device)
            if layer.activation:
                layer.forward = lambda x, extra=None, layer=layer: unrounded(layer, x, extra)
    return loaded


def unrounded(layer: Exact, x: torch.Tensor, extra: torch.Tensor | None) -> torch.Tensor:
    if layer.weight.dim() == 2:
        value = torch.nn.functional.linear(x, layer.weight, layer.bias) * layer.scale
    else:
        nchw = torch.nn.functional.conv2d(
            x.permute(0, 3, 1, 2), layer.weight, layer.bias, padding=1, groups=x.shape[-1]
        )
        value = nchw.permute(0, 2, 3, 1) * layer.scale
    value = value if extra is None else value + extra
    return torch.maximum(value, value * 0.125).clamp(layer.lowest, layer.limit)


def capability() -> str:
    return torch.backends.cpu.get_cpu_capability()


def fingerprint() -> int:
    """Of float products: equal for machines that add up in the same order."""
    rng = np.random.default_rng(0)
    x, matrix, kernel = (
        torch.from_numpy(rng.normal(0, 1, shape).astype(np.float32))
        for shape in ((1, 160, 32, 32), (256, 160), (160, 1, 3, 3))
    )
    products = torch.nn.functional.linear(x[0].flatten(1).T, matrix), torch.conv2d(x, kernel, padding=1, groups=160)
    return zlib.crc32(b"".join(product.contiguous().numpy().tobytes() for product in products))


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
    torch.set_num_threads(threads)
    source = SceneSource(Scene(np.load(scene)))
    encoder = SceneEncoder(source, codec(weights, floats, device), tile, max_error=max_error)
    encoder.write(stream, quality, overwrite=True)


def decode(stream: str, pixels: str, weights: str, threads: int = 1, floats: bool = False, device: str = "cpu"):
    """Its latents_crc32 and tiles_bad; `pixels` (.npy) is compared with what is decoded, or made if it is not there.

    The difference is in units of what the format allows: one level, or 1/255 of the coded range.
    """
    torch.set_num_threads(threads)
    reader = StreamReader.from_bytes(Path(stream).read_bytes())
    decoder = SceneDecoder(reader, codec(weights, floats, device), on_error="nodata")
    crc = 0
    for _, _, latents in decoder.tiles.in_order():
        crc = zlib.crc32(latents.tobytes(), crc) if latents is not None else crc
    if decoder.bad:
        return {"latents_crc32": crc, "tiles_bad": len(decoder.bad)}
    found, _ = decoder.read(decoder.grid.scene)
    if not Path(pixels).exists():
        np.save(pixels, found)
    step = decoder.radiometry.scale / 255 if found.dtype.kind == "f" else max(1.0, decoder.radiometry.scale / 255)
    apart = float(np.abs(found.astype(float) - np.load(pixels)).max() / step)
    return {"latents_crc32": crc, "tiles_bad": 0, "apart": apart}


ACTIONS = {action.__name__: action for action in (capability, fingerprint, encode, decode)}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = ACTIONS[request.pop("do")](**request)
        except BitstreamError as problem:
            answer = {"error": str(problem)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
