"""The contenders of a measurement, with one interface: our codecs, anchors, and either of them enhanced.

    scene --prepare, not timed--> scene --encode(parameter)--> file's bytes --decode--> pixels (B, H, W)

A codec is specified as `rscodec:NAME[:EFFORT][:balance][@WEIGHTS]`, an anchor as `NAME`. `ENHANCER:` before either
enhances its pixels, and `+PARAMETER/PARAMETER...` after it chooses other operating points.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import rscodec
from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.dump import totals
from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN
from rscodec.enhancers.apply import enhanced_stream
from rscodec.enhancers.base import EnhanceSettings
from rscodec.enhancers.scene import EnhancedScene
from rscodec.eval import anchors
from rscodec.eval.anchors.base import Anchor
from rscodec.generative.picture import SourcePicture
from rscodec.models.registry import DEFAULT_CODEC, ENHANCERS
from rscodec.models.weights import codec_for_encoding, enhancer_for
from rscodec.raster.colours import band_colours, named_colours
from rscodec.raster.fill import fill_invalid
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import encoder_for
from rscodec.stream.settings import EncodeSettings

QUALITIES = (1, 2, 3, 4, 5, 6, 7, 8)
OURS = "rscodec:"
BALANCE = "balance"


@dataclass(frozen=True)
class Parts:
    """The bytes of a file that are not coded pixels, by purpose."""

    header: int = 0
    metadata: int = 0
    mask: int = 0


class OurCodec:
    """A codec of rscodec's registry with its weights and an effort, and with or without balanced bands."""

    kind = "codec"

    def __init__(self, name: str, weights: Path | None, effort: int = 0, balance: bool = False):
        self._settings = EncodeSettings(model=name, weights=weights, effort=effort, balance=balance)
        self._codec = codec_for_encoding(name, weights)
        self.name = OURS + name + (f":{effort}" if effort else "") + (f":{BALANCE}" if balance else "")
        self.name += f"@{weights.stem}" if weights else ""
        self.version = f"rscodec {rscodec.__version__}, {self._codec.model} {self._codec.weights_hash.hex()}"
        quality = "" if self._codec.fixed_rate else " -q {parameter}"
        self.command = f"rscodec encode{quality}" + (f" --model {name}" if name != DEFAULT_CODEC else "")
        self.command += f" --weights {weights}" if weights else ""
        self.command += (f" --effort {effort}" if effort else "") + (" --balance" if balance else "")
        self.parameters = (QUALITY_MIN,) if self._codec.fixed_rate else QUALITIES

    def refuses(self, scene: Scene) -> str | None:
        return None

    def prepare(self, scene: Scene) -> Scene:
        """The scene with only the metadata that marks valid pixels, because anchors store no metadata either."""
        return pixels_only(scene)

    def ceiling(self, scene: Scene) -> np.ndarray:
        return scene.pixels

    def encode(self, scene: Scene, parameter: float) -> bytes:
        buffer = io.BytesIO()
        encoder = encoder_for(SceneSource(scene), self._settings, self._codec)
        encoder.write(buffer, min(parameter, encoder.highest))
        return buffer.getvalue()

    def decode(self, data: bytes, scene: Scene) -> np.ndarray:
        return self.decoder(data).read(whole(scene))[0]

    def decoder(self, data: bytes) -> SceneDecoder:
        return SceneDecoder(StreamReader.from_bytes(data), self._codec)

    def parts(self, data: bytes) -> Parts:
        sums = totals(StreamReader.from_bytes(data))
        header = sums["bytes_header"] + sums["bytes_radiometry"] + sums["bytes_index"]
        return Parts(header, sums["bytes_metadata"], sums["bytes_planes"])


class AnchorCodec:
    """An anchor. Invalid pixels are filled smoothly, as for our network. The bytes of an anchor include no mask."""

    kind = "anchor"

    def __init__(self, anchor: Anchor):
        self._anchor = anchor
        self.name, self.version, self.command = anchor.name, anchor.version, anchor.command
        self.parameters = anchor.parameters
        self._prepared: tuple[Scene, Scene] | None = None

    def refuses(self, scene: Scene) -> str | None:
        return self._anchor.refuses(len(scene.pixels), str(scene.pixels.dtype))

    def prepare(self, scene: Scene) -> Scene:
        """The scene with invalid pixels filled; cached for the next operating point."""
        if self._prepared is None or self._prepared[0] is not scene:
            invalid = ~scene.mask
            filled = fill_invalid(scene.pixels, invalid) if invalid.any() else scene.pixels
            self._prepared = scene, Scene(filled, scene.classes, scene.metadata)
        return self._prepared[1]

    def ceiling(self, scene: Scene) -> np.ndarray:
        return self._anchor.ceiling(scene.pixels)

    def encode(self, scene: Scene, parameter: float) -> bytes:
        return self._anchor.encode(scene.pixels, parameter)

    def decode(self, data: bytes, scene: Scene) -> np.ndarray:
        return self._anchor.decode(data, scene.pixels.shape, str(scene.pixels.dtype))

    def parts(self, data: bytes) -> Parts:
        return Parts()


class FilledSource(SceneSource):
    """A scene whose invalid pixels are filled: only its classes name them."""

    def __init__(self, scene: Scene):
        super().__init__(scene)
        self._known = scene.classes

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        pixels, _ = super().read(window)
        inside = np.s_[:, window.row : window.bottom, window.col : window.right]
        return pixels, None if self._known is None else self._known[inside]


class Enhanced:
    """A codec or an anchor, followed by an enhancer."""

    kind = "enhanced"

    def __init__(self, model: str, base: OurCodec | AnchorCodec):
        settings = EnhanceSettings(model, force=True)  # measuring a codec is how one learns whether the model fits it
        self._base, self._settings, self._enhancer = base, settings, enhancer_for(model)
        streams = self._enhancer.takes == "stream"
        if streams != isinstance(base, OurCodec):
            raise InputError(f"{model} enhances {'streams' if streams else 'rasters'}, so not {base.name}")
        self.name = f"{model}:{base.name}"
        self.version = f"{base.version}, {self._enhancer.model} {self._enhancer.weights_hash}"
        self.command = f"{base.command}, rscodec {'decode --enhance' if streams else 'enhance --model'} {model}"
        self.parameters = base.parameters
        self.refuses, self.prepare, self.ceiling = base.refuses, base.prepare, base.ceiling
        self.encode, self.parts = base.encode, base.parts

    def decode(self, data: bytes, scene: Scene) -> np.ndarray:
        """Decode and enhance. For a stream, the original names red, green and blue, because names are not coded."""
        if isinstance(self._base, OurCodec):
            decoder, every = self._base.decoder(data), range(len(scene.pixels))
            colours = named_colours(band_colours(scene.metadata, len(every), str(scene.pixels.dtype)), tuple(every))
            return enhanced_stream(decoder.reader, decoder, self._settings, "cpu", colours).read(whole(scene))[0]
        found = Scene(self._base.decode(data, scene), scene.classes, scene.metadata)
        picture = SourcePicture(FilledSource(found))
        return EnhancedScene(picture, self._enhancer, self._settings, {}).read(whole(scene))[0]


Contender = OurCodec | AnchorCodec | Enhanced


def whole(scene: Scene) -> Window:
    return Window(0, 0, *scene.pixels.shape[:0:-1])


def contender(spec: str) -> Contender:
    """The contender of a specification. Raises ToolMissing or MissingWeights if it cannot run."""
    name, _, points = spec.partition("+")
    enhancer, _, base = name.partition(":")
    if enhancer in [row.name for row in ENHANCERS]:
        found: Contender = Enhanced(enhancer, contender(base))
    elif name.startswith(OURS):
        row, _, weights = name.removeprefix(OURS).partition("@")
        row, *how = row.split(":")
        balance = how[-1:] == [BALANCE]
        effort = how[: len(how) - balance] or ["0"]
        if len(effort) > 1 or not effort[0].isdecimal():
            raise InputError(f"{spec!r}: after {OURS}{row}: give an effort from 0 to 9, {BALANCE}, or both")
        found = OurCodec(row, Path(weights) if weights else None, int(effort[0]), balance)
    else:
        found = AnchorCodec(anchors.find(name).load())
    if points:
        try:
            found.parameters = tuple(float(point) for point in points.split("/"))
        except ValueError:
            raise InputError(f"{spec!r}: after + come numbers with / between them, such as {name}+24/60") from None
        if OURS in name and not all(QUALITY_MIN <= quality <= QUALITY_MAX for quality in found.parameters):
            raise InputError(f"{spec!r}: qualities go from {QUALITY_MIN:g} to {QUALITY_MAX:g}")
    return found


def pixels_only(scene: Scene) -> Scene:
    """A scene without metadata, except for what marks valid pixels."""
    kept = {key: value for key, value in scene.metadata.items() if key in ("nodata", "masked")}
    return Scene(scene.pixels, scene.classes, kept)
