"""The functions that notebooks and the command line call.

    encode(array, DataArray, Scene, path, bytes or file) -> bytes      encode_file(path, path)
    decode(bytes, path, URL or file) -> Scene                          decode_file(path, path)
    open(path, URL, bytes, file or get_bytes) -> OpenScene, which reads windows
    preview_file, enhance_file, upscale_file, verify_file, validate_files

The network is loaded when it is first needed. Opening a stream reads only its header and index.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.dump import totals
from rscodec.bitstreams.errors import InputError, check_path, naming
from rscodec.bitstreams.limits import MAX_PIXELS_IN_FILE, MAX_PIXELS_IN_MEMORY, QUALITY_MAX
from rscodec.bitstreams.source import ObjectSource
from rscodec.concurrency.threads import turn
from rscodec.enhancers.base import EnhanceSettings
from rscodec.open_scene import OpenScene
from rscodec.output import (
    OutputSettings,
    Part,
    check_apart,
    check_bands,
    check_size,
    check_window,
    cropped,
    write_picture,
)
from rscodec.raster.metadata import scale_metadata
from rscodec.raster.metadata_schema import image_metadata, stream_metadata
from rscodec.raster.pixel_source import is_paths, open_source
from rscodec.raster.quicklook import Percentiles, check_stretch, guessed_bands, quicklook
from rscodec.raster.reader import RasterReader, is_stream
from rscodec.raster.scene import Scene, assemble
from rscodec.raster.window import Window
from rscodec.stream.remote import is_url, open_stream
from rscodec.stream.settings import (
    DEFAULT_QUALITY,
    DecodeSettings,
    EncodeSettings,
    Progress,
    is_whole,
    settings_of,
    takes,
)
from rscodec.stream.tile_payload import lost_tiles, reading_order
from rscodec.upsamplers.base import UpscaleSettings

if TYPE_CHECKING:
    from rscodec.stream.sampled_error import SampledError
    from rscodec.stream.verify import VerifyReport


@dataclass(frozen=True)
class EncodeReport:
    """`quality`: the quality that was used; None for a codec with a single rate. `ratio`: bytes of the pixels for each
    byte of the file.

    `target_met`: whether the file meets the requested rate or PSNR. `psnr_db_estimated`: the PSNR that the search
    measured, on all tiles or on a sample (rscodec.stream.rate_search). `alpha`: bands of the input, counted from 1,
    that are kept exactly. `highest`: the highest quality for this scene, 8 unless some areas are far brighter or darker
    than the rest (rscodec.stream.reach).
    """

    path: str
    bytes: int
    bpp: float
    quality: float | None
    width: int
    height: int
    bands: int
    dtype: str
    ratio: float
    seconds: float
    sections: dict
    psnr_db_estimated: float | None = None
    target_met: bool | None = None
    alpha: tuple[int, ...] = ()
    highest: float = QUALITY_MAX


@dataclass(frozen=True)
class DecodeReport:
    """`tiles_bad`: (row, col, group) of damaged tiles that were left empty; group None means the planes of the tile.
    `enhanced`: the enhanced bands of the output, counted from 1. `guessed`: as in UpscaleReport. `lossy`: the property
    of the output format that may change pixels again, if there is one. `metadata_changed`: the keys of the metadata
    that the output format cannot hold exactly.
    """

    path: str
    width: int
    height: int
    bands: int
    seconds: float
    tiles_bad: list
    enhanced: tuple[int, ...] = ()
    guessed: tuple[int, ...] = ()
    lossy: str = ""
    metadata_changed: tuple[str, ...] = ()

    @property
    def lost(self) -> str:
        """The damaged tiles as text."""
        return lost_tiles(self.tiles_bad)


@dataclass(frozen=True)
class EnhanceReport:
    """`bands`: the enhanced bands of the output, counted from 1. `guessed`: as in UpscaleReport. `lossy` and
    `metadata_changed`: as in DecodeReport.
    """

    path: str
    width: int
    height: int
    bands: list
    seconds: float
    guessed: tuple[int, ...] = ()
    lossy: str = ""
    metadata_changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class UpscaleReport:
    """`bands`: the generated bands of the output, counted from 1. `tiles_bad` (if a stream was decoded), `lossy` and
    `metadata_changed`: as in DecodeReport.

    `guessed`: bands of the input that were used as red, green and blue because the input does not name them; empty if
    it does.
    """

    path: str
    width: int
    height: int
    bands: list
    seconds: float
    tiles_bad: list
    guessed: tuple[int, ...] = ()
    lossy: str = ""
    metadata_changed: tuple[str, ...] = ()

    lost = DecodeReport.lost


@takes(EncodeSettings)
def encode(scene, quality: float | None = None, **settings) -> bytes:
    """Compress a scene: an array (rows, columns) or (bands, rows, columns), a DataArray of xarray, a Scene, or an image
    (its path, paths of images with its bands, its bytes, or a binary file).

    `settings` are those of EncodeSettings.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize((160, 128))  # uint8, 3 bands, 128 rows, 160 columns
    >>> scene = rscodec.Scene(pixels, metadata=metadata)
    >>> data = rscodec.encode(scene, quality=3)
    >>> pixels.nbytes // len(data) > 20
    True
    >>> exact = rscodec.encode(scene, max_error=0)
    >>> bool((rscodec.decode(exact).pixels == pixels).all())
    True
    """
    buffer = io.BytesIO()
    (wanted,) = settings_of({"quality": quality, **settings}, EncodeSettings)
    with open_source(scene) as source:
        _encode(source, buffer, wanted)
    return buffer.getvalue()


@takes(EncodeSettings)
def encode_file(
    src: str | Path | Sequence[str | Path],
    dst: str | Path,
    *,
    bands: tuple[int, ...] | None = None,
    nodata: float | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    search_progress: Progress | None = None,
    executor: Executor | None = None,
    **settings,
) -> EncodeReport:
    """Encode an image file, or several files with the bands of one scene. The output appears at `dst` when it is
    complete. `settings` are those of EncodeSettings.

    `executor` encodes the tiles (see rscodec.concurrency.executors); by default this process does. `progress` is called
    with (tiles done, all tiles). `search_progress` is called with (tries done, most tries) while a quality is searched.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize((160, 128))  # uint8, 3 bands, 128 rows, 160 columns
    >>> scene = rscodec.Scene(pixels, metadata=metadata)
    >>> scene.save("scene.tif")
    >>> report = rscodec.encode_file("scene.tif", "scene.bin", bpp=0.5)
    >>> report.target_met, report.bpp <= 0.5, report.width, report.bands
    (True, True, 160, 3)
    """
    started = time.perf_counter()
    (wanted,) = settings_of(settings, EncodeSettings)
    spread = None if executor is None else partial(_spread, executor, src, bands, nodata, wanted)
    with open_source(src, bands, nodata) as source:
        check_apart(dst, source.files)
        used, psnr_db, highest = _encode(source, dst, wanted, overwrite, progress, search_progress, spread)
        alpha = tuple(bands[band] if bands else band + 1 for band in source.exact_bands)
    with StreamReader.from_path(dst) as reader:
        header, sections = reader.header, totals(reader)
    met = sections["rate_bpp_file"] <= wanted.bpp if wanted.bpp else psnr_db >= wanted.psnr if wanted.psnr else None
    seconds = time.perf_counter() - started
    return EncodeReport(
        str(dst),
        sections["bytes_file"],
        sections["rate_bpp_file"],
        used,
        header.width,
        header.height,
        header.bands,
        header.dtype,
        header.width * header.height * header.bands * np.dtype(header.dtype).itemsize / sections["bytes_file"],
        seconds,
        sections,
        psnr_db,
        met,
        alpha,
        highest,
    )


@takes(DecodeSettings)
def decode(
    data,
    *,
    enhance: EnhanceSettings | str | None = None,
    upscale: UpscaleSettings | float | None = None,
    max_pixels: int = MAX_PIXELS_IN_MEMORY,
    **settings,
) -> Scene:
    """Decode a whole scene. `data`: as `source` of `open`; the others: as for `open`.

    `enhance` generates detail in red, green and blue: EnhanceSettings, or the name of a model. `upscale` makes the
    scene larger: UpscaleSettings, or a factor. Both need torch.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize((160, 128))  # uint8, 3 bands, 128 rows, 160 columns
    >>> scene = rscodec.Scene(pixels, metadata=metadata)
    >>> decoded = rscodec.decode(rscodec.encode(scene, max_error=2))
    >>> decoded
    <rscodec scene: 160 x 128 pixels, 3 bands of uint8, EPSG:32633, no nodata value>
    >>> int(abs(decoded.pixels.astype(int) - pixels).max())
    2
    """
    if enhance is not None and upscale is not None:
        raise InputError("`upscale` generates pixels, too; omit `enhance`")
    with open(data, enhance=enhance, max_pixels=max_pixels, **settings) as scene:
        return scene.read() if upscale is None else _upscaled_scene(scene, upscale, max_pixels)


def _upscaled_scene(opened: OpenScene, upscale: UpscaleSettings | float, max_pixels: int) -> Scene:
    """The whole scene, upsampled."""
    from rscodec.upsamplers.apply import upscaled_stream

    with turn():
        larger = upscaled_stream(opened.reader, opened.decoder, _upscaling(upscale), opened.device)
        target = larger.target
        check_size(target.width, target.height, opened.count, opened.dtype, max_pixels)
        pieces = ((piece, *larger.read(piece)) for piece in larger.pieces(target))
        pixels, classes = assemble(pieces, target, opened.count, opened.dtype)
    return Scene(pixels, classes, larger.mark(larger.metadata, list(range(opened.count))))


@takes(DecodeSettings)
def open(
    source,
    *,
    size: int | None = None,
    enhance: EnhanceSettings | str | None = None,
    colours: tuple[int, ...] | None = None,
    max_pixels: int = MAX_PIXELS_IN_MEMORY,
    **settings,
) -> OpenScene:
    """Open a stream to read windows from it: a path, a URL, bytes, a binary file, or a function get_bytes(offset,
    length) (with `size`, if known).

    `enhance`: EnhanceSettings, or the name of a model. `colours`: bands whose first three `enhance` uses as red, green
    and blue if the stream does not name them. `max_pixels`: how much one call may read, width x height x bands; more
    raises LimitExceeded. `settings` are those of DecodeSettings: weights, device, on_error.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize((160, 128))  # uint8, 3 bands, 128 rows, 160 columns
    >>> rscodec.Scene(pixels, metadata=metadata).save("scene.tif")
    >>> report = rscodec.encode_file("scene.tif", "scene.bin", max_error=3)
    >>> stream = rscodec.open("scene.bin")
    >>> stream.shape, stream.count, stream.dtype, stream.crs.to_string(), stream.bounds.left
    ((128, 160), 3, 'uint8', 'EPSG:32633', 412000.0)
    >>> part = stream.read((64, 32, 48, 40), bands=1)  # column, row, width, height
    >>> part.pixels.shape, part.metadata["transform"]
    ((1, 40, 48), [1.0, 0.0, 412064.0, 0.0, -1.0, 5317968.0])
    >>> stream.read(out_shape=(64, 80)).pixels.shape
    (3, 64, 80)
    >>> stream.close()
    """
    (how,) = settings_of(settings, DecodeSettings)
    if size is not None and not is_whole(size):
        raise InputError(f"the size of a stream is a whole number of bytes, not {size!r:.80}")
    how_enhanced = None if enhance is None else _enhancement(enhance)
    return OpenScene(_reader(source, size), how, how_enhanced, colours, max_pixels)


def _enhancement(enhance: EnhanceSettings | str | Path) -> EnhanceSettings:
    """The settings, or those of a model that is given by name."""
    return enhance if isinstance(enhance, EnhanceSettings) else EnhanceSettings(enhance)


def _upscaling(upscale: UpscaleSettings | float) -> UpscaleSettings:
    """The settings, or those of a factor."""
    return upscale if isinstance(upscale, UpscaleSettings) else UpscaleSettings("e2diff", upscale)


def _reader(source, size: int | None) -> StreamReader:
    """A reader of whatever `open` takes."""
    if isinstance(source, (str, os.PathLike)):
        return open_stream(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return StreamReader.from_bytes(source)
    if hasattr(source, "read"):
        if isinstance(source, io.TextIOBase):
            raise InputError("the file is open as text; open it with mode 'rb'")
        if not source.seekable():
            return StreamReader.from_bytes(source.read())
        held = ObjectSource(source)
        return StreamReader(held, held.size)
    if callable(source):
        return StreamReader(source, size)
    raise InputError(
        "a stream is given as a path, a URL, bytes, a binary file or a function get_bytes(offset, length), "
        f"not as {type(source).__name__}"
    )


@takes(DecodeSettings, OutputSettings)
def decode_file(
    src: str | Path,
    dst: str | Path,
    *,
    window: tuple[int, int, int, int] | None = None,
    enhance: EnhanceSettings | str | None = None,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS_IN_FILE,
    **settings,
) -> DecodeReport:
    """Decode to an image file, window by window. The output appears at `dst` when it is complete.

    If the scene does not name red, green and blue, `enhance` uses the first three of `bands`. `max_pixels`: how much
    the file may hold, width x height x bands; more raises LimitExceeded. `settings` are those of DecodeSettings
    (weights, device, on_error) and of OutputSettings (bands, driver, creation_options, overwrite, progress).
    `threads`: CPU threads, all by default.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize((160, 128))  # uint8, 3 bands, 128 rows, 160 columns
    >>> scene = rscodec.Scene(pixels, metadata=metadata)
    >>> scene.save("scene.tif")
    >>> report = rscodec.encode_file("scene.tif", "scene.bin", quality=3)
    >>> report = rscodec.decode_file("scene.bin", "part.tif", window=(64, 32, 48, 40), bands=(3, 2, 1))
    >>> report.width, report.height, report.bands, report.tiles_bad
    (48, 40, 3, [])
    >>> rscodec.Scene.load("part.tif").pixels.shape
    (3, 40, 48)
    """
    started = time.perf_counter()
    how, output = settings_of(settings, DecodeSettings, OutputSettings)
    check_apart(dst, [src])
    enhance = None if enhance is None else _enhancement(enhance)
    with turn(threads), _opened(src, how, enhance, output.bands) as scene, naming(src):
        header, bound = scene.header, scene.reader.bound
        if output.lossy and bound is not None:
            raise InputError(
                f"the stream guarantees a largest error of {bound:g}, which {output.lossy} cannot keep; "
                "choose a lossless format"
            )
        whole = Window(0, 0, header.width, header.height)
        target = check_window(window, whole, src)
        metadata = cropped(image_metadata(scene.reader), target, whole)
        part = Part(lambda: scene.picture, target, header.bands, header.dtype, metadata, scene.mark, lambda: scene.bad)
        chosen, lost = write_picture(part, src, dst, output, max_pixels)
        changed, guessed = _generated(scene.picture, chosen) if enhance else ((), ())
    size, seconds = (target.width, target.height, len(chosen)), time.perf_counter() - started
    bad = reading_order(scene.bad)
    return DecodeReport(str(dst), *size, seconds, bad, tuple(changed), guessed, output.lossy, lost)


@takes(OutputSettings)
def enhance_file(
    src: str | Path,
    dst: str | Path,
    enhance: EnhanceSettings | str,
    *,
    device: str = "cpu",
    threads: int | None = None,
    **settings,
) -> EnhanceReport:
    """Enhance a raster, window by window, with these settings or with the model of this name. The output appears at
    `dst` when it is complete.

    If the raster does not name red, green and blue, the first three of `bands` are used. `settings` are those of
    OutputSettings: bands, driver, creation_options, overwrite, progress.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize((160, 128))  # uint8, 3 bands, 128 rows, 160 columns
    >>> scene = rscodec.Scene(pixels, metadata=metadata)
    >>> scene.save("scene.tif")
    >>> report = rscodec.enhance_file("scene.tif", "enhanced.tif", rscodec.EnhanceSettings("ldm-jpeg2000", seed=1))
    >>> report.width, report.height, report.bands
    (160, 128, [1, 2, 3])
    """
    from rscodec.enhancers.apply import enhanced_raster

    started = time.perf_counter()
    (output,) = settings_of(settings, OutputSettings)
    with turn(threads), RasterReader(src) as reader:
        check_apart(dst, reader.files)
        AtomicPath(dst, output.overwrite).check()
        colours = check_bands(output.bands, reader.count, src) if output.bands else ()
        scene = enhanced_raster(reader, _enhancement(enhance), device, colours)
        whole = Window(0, 0, reader.width, reader.height)
        part = Part(lambda: scene, whole, reader.count, reader.dtype, reader.metadata, scene.mark)
        chosen, lost = write_picture(part, src, dst, output)
    changed, guessed = _generated(scene, chosen)
    seconds = time.perf_counter() - started
    return EnhanceReport(str(dst), whole.width, whole.height, changed, seconds, guessed, output.lossy, lost)


@takes(DecodeSettings, OutputSettings)
def upscale_file(
    src: str | Path,
    dst: str | Path,
    upscale: UpscaleSettings | float,
    *,
    window: tuple[int, int, int, int] | None = None,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS_IN_FILE,
    **settings,
) -> UpscaleReport:
    """Upsample a raster or a decoded stream, window by window, with these settings or by this factor. The output
    appears at `dst` when it is complete.

    A `window` is in pixels of the input, and its result is the same as in the whole scene. If the scene does not name
    red, green and blue, the first three of `bands` are used. `max_pixels`: how much the file may hold, width x height x
    bands; more raises LimitExceeded. `settings` are those of decode_file; weights (of the codec) and on_error
    apply to a stream only.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize(64)
    >>> rscodec.Scene(pixels, metadata=metadata).save("scene.tif")
    >>> report = rscodec.upscale_file("scene.tif", "larger.tif", rscodec.UpscaleSettings("slimdiff", scale=4))
    >>> report.width, report.height, report.bands
    (256, 256, [1, 2, 3])
    """
    started = time.perf_counter()
    how, output = settings_of(settings, DecodeSettings, OutputSettings)
    with turn(threads), ExitStack() as stack:
        scene, count, dtype, bad = _upscaled(stack, src, dst, _upscaling(upscale), how, output)
        target = scene.part(check_window(window, scene.source, src))
        metadata = cropped(scene.metadata, target, scene.target)
        part = Part(lambda: scene, target, count, dtype, metadata, scene.mark, lambda: bad)
        chosen, lost = write_picture(part, src, dst, output, max_pixels)
    generated, guessed = _generated(scene, chosen)
    seconds, bad = time.perf_counter() - started, reading_order(bad)
    return UpscaleReport(str(dst), target.width, target.height, generated, seconds, bad, guessed, output.lossy, lost)


def _upscaled(
    stack: ExitStack, src, dst, upscale: UpscaleSettings, how: DecodeSettings, output: OutputSettings
) -> tuple:
    """The upsampled raster or stream, its bands and their type, and its damaged tiles. `stack` closes it."""
    from rscodec.upsamplers.apply import upscaled_raster, upscaled_stream

    bad: dict = {}
    if is_url(src) or is_stream(src):
        opened = stack.enter_context(_opened(src, how))
        stack.enter_context(naming(src))
        check_apart(dst, [src])
        image_metadata(opened.reader)
        make, bad = partial(upscaled_stream, opened.reader, opened.decoder), opened.bad
        count, dtype = opened.header.bands, opened.header.dtype
    else:
        reader = stack.enter_context(RasterReader(src))
        _refuse_weights(src, how.weights)
        check_apart(dst, reader.files)
        make, count, dtype = partial(upscaled_raster, reader), reader.count, reader.dtype
    AtomicPath(dst, output.overwrite).check()
    colours = check_bands(output.bands, count, src) if output.bands else ()
    return make(upscale, how.device, colours), count, dtype, bad


def _opened(
    src,
    how: DecodeSettings,
    enhance: EnhanceSettings | None = None,
    colours: tuple[int, ...] | None = None,
    max_pixels: int = MAX_PIXELS_IN_MEMORY,
) -> OpenScene:
    return OpenScene(open_stream(src), how, enhance, colours, max_pixels)


def _generated(scene, chosen: list[int]) -> tuple[list[int], tuple[int, ...]]:
    """The fields of a report on an output with these bands: the generated bands, and the guessed ones."""
    generated = [place for place, band in enumerate(chosen, 1) if band in scene.bands]
    return generated, tuple(band + 1 for band in scene.bands) if generated and scene.guessed else ()


def load(src: str | Path, bands: tuple[int, ...] | None = None, weights=None, device: str = "cpu") -> Scene:
    """A whole scene from a raster or a stream (`weights` are those of the codec)."""
    if is_url(src) or is_stream(src):
        with open(src, weights=weights, device=device) as opened:
            return opened.read(bands=bands)
    _refuse_weights(src, weights)
    return Scene.load(src, bands)


def _refuse_weights(src, weights) -> None:
    """Raise InputError if weights of a codec are given for a raster, which needs none."""
    if weights is not None:
        raise InputError(f"`weights={weights}` decode a stream, and {src} is a raster: omit them")


@takes(DecodeSettings, OutputSettings)
def preview_file(
    src: str | Path,
    dst: str | Path,
    longest: int,
    *,
    stretch: Percentiles | None = None,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS_IN_FILE,
    **settings,
) -> DecodeReport:
    """Decode to an image file with a small picture, whose longest side has about `longest` pixels.

    `stretch`: two percentiles, such as (2, 98). The picture then has 8 bits and one or three bands, which are stretched
    between these percentiles, and invalid pixels are transparent. Without it, the picture has the values, type and
    bands of the scene. `threads`, `max_pixels` and `settings`: as for decode_file.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize((160, 128), bands=13, dtype="int16", nodata=0)
    >>> rscodec.Scene(pixels, metadata=metadata).save("scene.tif")
    >>> report = rscodec.encode_file("scene.tif", "scene.bin", quality=3)
    >>> report = rscodec.preview_file("scene.bin", "preview.png", 40, stretch=(2, 98), driver="PNG")
    >>> report.width, report.height, report.bands  # red, green, blue and alpha
    (40, 32, 4)
    """
    started = time.perf_counter()
    how, output = settings_of(settings, DecodeSettings, OutputSettings)
    check_apart(dst, [src])
    write = _write_preview if stretch is None else partial(_write_quicklook, stretch)
    in_memory = min(max_pixels, MAX_PIXELS_IN_MEMORY)
    with turn(threads), _opened(src, how, max_pixels=in_memory) as scene, naming(src):
        *size, guessed, lost = write(scene, src, dst, longest, output, max_pixels)
    seconds, bad = time.perf_counter() - started, reading_order(scene.bad)
    return DecodeReport(str(dst), *size, seconds, bad, (), guessed, output.lossy, lost)


def _write_preview(
    scene: OpenScene, src, dst, longest: int, output: OutputSettings, max_pixels: int
) -> tuple[int, int, int, tuple[int, ...], tuple[str, ...]]:
    """Write a small picture with the values of the scene, piece by piece. Returns fields of the report: width, height,
    bands, guessed, metadata_changed.
    """
    from rscodec.stream.preview import PreviewPicture, factor_for, shrunk

    header = scene.header
    factor = factor_for(header.width, header.height, longest)
    metadata = scale_metadata(image_metadata(scene.reader), factor, factor)
    target = shrunk(Window(0, 0, header.width, header.height), factor)

    def picture() -> PreviewPicture:
        return PreviewPicture(scene.decoder, factor)

    part = Part(picture, target, header.bands, header.dtype, metadata, bad=lambda: scene.bad)
    chosen, lost = write_picture(part, src, dst, output, max_pixels)
    return target.width, target.height, len(chosen), (), lost


def _write_quicklook(
    stretch: Percentiles, scene: OpenScene, src, dst, longest: int, output: OutputSettings, _max_pixels: int
) -> tuple[int, int, int, tuple[int, ...], tuple[str, ...]]:
    """Write a small stretched picture. Returns fields of the report: as _write_preview."""
    AtomicPath(dst, output.overwrite).check()
    check_stretch(stretch)
    if output.bands:
        check_bands(output.bands, scene.header.bands, src)
    made = quicklook(scene.preview(longest), stretch, output.bands)
    made.save(dst, output.driver, output.overwrite, **(output.creation_options or {}))
    if output.progress:
        output.progress(1, 1)
    count, height, width = made.pixels.shape
    guessed = () if output.bands else guessed_bands(scene.metadata, scene.count, scene.dtype)
    return width, height, count, guessed, ()


def verify_file(
    src: str | Path,
    against: str | Path | Sequence[str | Path] | None = None,
    *,
    bands: tuple[int, ...] | None = None,
    weights: str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Decode a whole stream and report the checksums of its latents and pixels.

    If `against` is given, also report how the pixels differ from that scene, or from its bands `bands`.

    If the stream has a nodata value, this value decides which pixels of the scene are valid. If the scene has another
    nodata value or none, the metadata differs, as `validate_files` also reports.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize((160, 128))  # uint8, 3 bands, 128 rows, 160 columns
    >>> scene = rscodec.Scene(pixels, metadata=metadata)
    >>> scene.save("scene.tif")
    >>> report = rscodec.encode_file("scene.tif", "scene.bin", max_error=3)
    >>> report = rscodec.verify_file("scene.bin", "scene.tif")
    >>> report.ok, report.max_abs_error, report.metadata_exact
    (True, 3.0, True)
    """
    from rscodec.models.weights import codec_for_decoding
    from rscodec.stream.verify import verify

    with turn(threads), open_stream(src) as reader, naming(src):
        codec = codec_for_decoding(reader.header, weights, device)
        if against is None:
            return verify(reader, codec, None, progress)
        with open_source(against, bands) as raw:
            metadata = raw.metadata
        nodata = stream_metadata(reader).get("nodata")
        same = nodata in (None, metadata.get("nodata"))
        with open_source(against, bands, None if same else float(nodata)) as source:
            source.metadata = metadata  # as `validate_files` sees it
            return verify(reader, codec, source, progress)


def sample_error(
    stream: str | Path,
    scene: str | Path | Sequence[str | Path],
    *,
    bands: tuple[int, ...] | None = None,
    nodata: float | None = None,
    weights: str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> SampledError | None:
    """The error of a stream of (some bands of) a scene, measured on a sample of its tiles. None if no pixel of the
    sample is valid.
    """
    from rscodec.models.weights import codec_for_decoding
    from rscodec.stream.sampled_error import sampled_error

    with turn(threads), open_stream(stream) as reader, naming(stream), open_source(scene, bands, nodata) as source:
        return sampled_error(reader, codec_for_decoding(reader.header, weights, device), source)


def validate_files(scene: str | Path, other: str | Path) -> list[str]:
    """The differences between two scenes (rasters or streams) in everything but measured pixels, one line each.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize((160, 128))  # uint8, 3 bands, 128 rows, 160 columns
    >>> scene = rscodec.Scene(pixels, metadata=metadata)
    >>> scene.save("scene.tif")
    >>> report = rscodec.encode_file("scene.tif", "scene.bin", quality=3)
    >>> rscodec.validate_files("scene.tif", "scene.bin")
    []
    >>> report = rscodec.decode_file("scene.bin", "part.tif", window=(0, 0, 160, 100))
    >>> rscodec.validate_files("scene.bin", "part.tif")
    ['height: 128 in scene.bin, 100 in part.tif']
    """
    from rscodec.stream.validate import validate

    for one in (scene, other):
        check_path(one, "each scene")
    return validate(scene, other)


def _encode(
    source, target, settings: EncodeSettings, overwrite=False, progress=None, search_progress=None, spread=None
) -> tuple:
    """Encode to a path or a binary file. Returns the quality that was used, the PSNR that a search for it measured, and
    the highest quality for the scene.

    spread(encoder, quality) yields the tiles if an executor makes them.
    """
    from rscodec.codec.rate import from_wire, to_wire
    from rscodec.models.weights import codec_for_encoding
    from rscodec.stream.encoder import encoder_for
    from rscodec.stream.rate_search import quality_for_bound, quality_for_bpp, quality_for_psnr

    if isinstance(target, (str, Path)):
        AtomicPath(target, overwrite).check()
    with turn(settings.threads):
        codec = codec_for_encoding(settings.model, settings.weights, settings.device)
        encoder = encoder_for(source, settings, codec)
        quality, psnr_db = settings.quality and min(settings.quality, encoder.highest), None
        if settings.bpp is not None:
            quality, _ = quality_for_bpp(encoder, settings.bpp, search_progress)
        elif settings.psnr is not None:
            quality, psnr_db = quality_for_psnr(encoder, settings.psnr, search_progress)
        elif quality is None:
            default = min(DEFAULT_QUALITY, encoder.highest)
            quality = default if encoder.bound is None else quality_for_bound(encoder, search_progress)
        if not spread:
            encoder.write(target, quality, overwrite, progress)
    if spread:
        encoder.write(target, quality, overwrite, progress, spread(encoder, quality))
    used = None if encoder.codec.fixed_rate else from_wire(to_wire(quality))
    return used, psnr_db, encoder.highest


def _spread(executor, src, bands, nodata, settings: EncodeSettings, encoder, quality: float) -> Iterator[tuple]:
    """The tiles of a scene, made by an executor."""
    from rscodec.stream.distributed import Part, spread_tiles

    scene = tuple(map(_absolute, src)) if is_paths(src) else _absolute(src)
    weights = settings.weights and Path(settings.weights).absolute()
    radiometry = replace(encoder.radiometry_at(quality), deviations=())
    part = Part(scene, bands, nodata, replace(settings, weights=weights), radiometry, quality)
    return spread_tiles(executor, encoder, part)


def _absolute(src: str | Path) -> str:
    """The absolute path of a file. Other names that GDAL opens, such as NETCDF:FILE:VARIABLE, stay as they are."""
    return str(Path(src).absolute()) if Path(src).exists() else str(src)
