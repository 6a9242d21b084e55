"""rscodec: a learned codec for Earth-observation imagery.

>>> import rscodec
>>> from rscodec.synthetic.sample import synthesize
>>> pixels, metadata = synthesize(256)
>>> data = rscodec.encode(pixels, quality=3)  # an array (bands, rows, columns), a Scene or the path of an image
>>> scene = rscodec.decode(data)  # scene.pixels, scene.mask, scene.metadata
>>> scene.pixels.shape
(3, 256, 256)
>>> rscodec.Scene(pixels, metadata=metadata).save("scene.tif")
>>> report = rscodec.encode_file("scene.tif", "scene.bin")
>>> with rscodec.open("scene.bin") as stream:
...     part = stream.read((128, 64, 100, 50))  # column, row, width, height
>>> part.pixels.shape
(3, 50, 100)
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

if not (Path(__file__).parent / "bitstreams").is_dir():  # a checkout: bitstreams, cli and eval are beside this folder
    __path__.append(str(Path(__file__).parent.parent))

__version__ = "0.1.0"

_WHERE = {
    "encode": "rscodec.api",
    "decode": "rscodec.api",
    "open": "rscodec.api",
    "encode_file": "rscodec.api",
    "decode_file": "rscodec.api",
    "preview_file": "rscodec.api",
    "enhance_file": "rscodec.api",
    "upscale_file": "rscodec.api",
    "verify_file": "rscodec.api",
    "validate_files": "rscodec.api",
    "Scene": "rscodec.raster.scene",
    "EncodeSettings": "rscodec.stream.settings",
    "EnhanceSettings": "rscodec.enhancers.base",
    "UpscaleSettings": "rscodec.upsamplers.base",
    "RscodecError": "rscodec.bitstreams.errors",
}
__all__ = [*_WHERE, "__version__"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str):
    """Import a public name when it is first used, so that `import rscodec` is fast and does not load torch."""
    if name not in _WHERE:
        raise AttributeError(f"module 'rscodec' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
