"""What a notebook user and the command line call.

    encode(scene or array) -> bytes        encode_file(path, path)
    decode(bytes) -> Scene                 decode_file(path, path)
    open(path, URL or get_bytes) -> OpenScene, which reads windows
    enhance_file, upscale_file, verify_file, validate_files

The network is loaded when it is first needed; opening a stream reads its header and index only.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.dump import totals
from rscodec.bitstreams.errors import InputError, LimitExceeded, OutputError, naming
from rscodec.bitstreams.limits import MAX_PIXELS_IN_FILE, MAX_PIXELS_IN_MEMORY
from rscodec.concurrency.read_ahead import ahead
from rscodec.concurrency.torch_lock import turn
from rscodec.enhancers.base import EnhanceSettings
from rscodec.raster.drivers import lossy_option
from rscodec.raster.metadata import crop_metadata, nodata_value, scale_metadata, select_bands
from rscodec.raster.metadata_schema import image_metadata, stream_metadata
from rscodec.raster.pixel_source import open_source
from rscodec.raster.reader import RasterReader, is_stream
from rscodec.raster.scene import Scene, assemble
from rscodec.raster.validity import MASKED, native
from rscodec.raster.window import Window
from rscodec.raster.writer import SIDECARS, RasterWriter
from rscodec.stream.remote import is_url, open_stream
from rscodec.stream.settings import DEFAULT_QUALITY, EncodeSettings, is_whole
from rscodec.upsamplers.base import UpscaleSettings

Progress = Callable[[int, int], None]
MASKED_FORMATS = ("GTiff", "COG")  # that can be told which pixels are valid


@dataclass(frozen=True)
class EncodeReport:
    """`quality`: the one that was used; None for a codec of a single rate.

    `target_met`: whether the file keeps to the rate, or the search saw the PSNR, that was asked for. The search saw
    `psnr_db_estimated`, of all tiles or of a sample (rscodec.stream.rate_search). `alpha`: bands of the input, counted
    from 1, that are kept exactly.
    """

    path: str
    bytes: int
    bpp: float
    quality: float | None
    width: int
    height: int
    bands: int
    seconds: float
    sections: dict
    psnr_db_estimated: float | None = None
    target_met: bool | None = None
    alpha: tuple[int, ...] = ()


@dataclass(frozen=True)
class DecodeReport:
    """`tiles_bad`: (row, col, group) of damaged tiles that were left empty; group None is a tile's planes.
    `enhanced`: bands that changed, counted from 1; `guessed` as in UpscaleReport. `lossy`: what of the output's format
    changes pixels once more.
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

    @property
    def lost(self) -> str:
        """The damaged tiles in words."""
        from rscodec.stream.tile_payload import lost_tiles

        return lost_tiles(self.tiles_bad)


@dataclass(frozen=True)
class EnhanceReport:
    """`bands`: those that changed, counted from 1. `guessed` as in UpscaleReport, `lossy` as in DecodeReport."""

    path: str
    width: int
    height: int
    bands: list
    seconds: float
    guessed: tuple[int, ...] = ()
    lossy: str = ""


@dataclass(frozen=True)
class UpscaleReport:
    """`bands`: those that are generated, counted from 1. `tiles_bad` (where a stream was decoded) and `lossy` as in
    DecodeReport.

    `guessed`: bands before that were taken for red, green and blue, though nothing says so; none if something does.
    """

    path: str
    width: int
    height: int
    bands: list
    seconds: float
    tiles_bad: list
    guessed: tuple[int, ...] = ()
    lossy: str = ""

    lost = DecodeReport.lost


def encode(scene, quality: float | None = None, **settings) -> bytes:
    """A Scene, an array (rows, columns) or (bands, rows, columns), or the path of an image, as a stream.

    `settings` are those of EncodeSettings.
    """
    buffer = io.BytesIO()
    wanted = _settings(quality=quality, **settings)
    with open_source(scene) as source:
        _encode(source, buffer, wanted)
    return buffer.getvalue()


def encode_file(
    src: str | Path, dst: str | Path, *, bands: tuple[int, ...] | None = None, nodata: float | None = None,
    overwrite: bool = False, progress: Progress | None = None, search_progress: Progress | None = None,
    executor: Executor | None = None, **settings,
) -> EncodeReport:
    """Encode an image file. Nothing appears at `dst` before it is complete. `settings` are those of EncodeSettings.

    `executor`: who encodes the tiles, such as a rscodec.concurrency.executors; this process by default.
    `progress` is told (tiles done, tiles in all), and `search_progress`, where a quality is sought, (tries, at most).
    """
    started = time.perf_counter()
    wanted = _settings(**settings)
    spread = None if executor is None else partial(_spread, executor, src, bands, nodata, wanted)
    with open_source(src, bands, nodata) as source:
        _check_apart(dst, source.files)
        used, psnr_db = _encode(source, dst, wanted, overwrite, progress, search_progress, spread)
        alpha = tuple(bands[band] if bands else band + 1 for band in source.exact_bands)
    with StreamReader.from_path(dst) as reader:
        header, sections = reader.header, totals(reader)
    met = sections["rate_bpp_file"] <= wanted.bpp if wanted.bpp else psnr_db >= wanted.psnr if wanted.psnr else None
    seconds = time.perf_counter() - started
    return EncodeReport(
        str(dst), sections["bytes_file"], sections["rate_bpp_file"], used,
        header.width, header.height, header.bands, seconds, sections, psnr_db, met, alpha,
    )  # fmt: skip


def decode(data: bytes, *, weights=None, device: str = "cpu", fast: bool = False, on_error: str = "stop",
           max_pixels: int = MAX_PIXELS_IN_MEMORY) -> Scene:  # fmt: skip
    """The whole scene that a stream holds. `max_pixels` as for `open`."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InputError(f"decode takes the bytes of a stream, not {type(data).__name__}: "
                         "use rscodec.open(path).read() for a file, .read() or .getvalue() for a file object")
    with OpenScene(StreamReader.from_bytes(data), weights, device, fast, on_error, max_pixels=max_pixels) as scene:
        return scene.read()


def open(source, *, size: int | None = None, weights=None, device: str = "cpu", fast: bool = False,
         on_error: str = "stop", enhance: EnhanceSettings | None = None,
         colours: tuple[int, ...] | None = None, max_pixels: int = MAX_PIXELS_IN_MEMORY) -> OpenScene:  # fmt: skip
    """A stream to read windows from: a path, a URL, or a function get_bytes(offset, length) (with `size`, if known).

    `colours`: bands whose first three are taken for red, green and blue by `enhance` where the stream does not say.
    `max_pixels`: what one call may read, width x height x bands; more is LimitExceeded.
    """
    if not callable(source) and not isinstance(source, (str, os.PathLike)):
        raise InputError("open takes a path, a URL or a function get_bytes(offset, length), "
                         f"not {type(source).__name__}: rscodec.decode takes the bytes of a stream")
    reader = StreamReader(source, size) if callable(source) else open_stream(source)
    return OpenScene(reader, weights, device, fast, on_error, enhance, colours, max_pixels)


class OpenScene:
    """An open stream. A context manager. Threads may share it, and take turns."""

    def __init__(self, reader: StreamReader, weights=None, device: str = "cpu", fast: bool = False,
                 on_error: str = "stop", enhance: EnhanceSettings | None = None,
                 colours: tuple[int, ...] | None = None, max_pixels: int = MAX_PIXELS_IN_MEMORY):  # fmt: skip
        self.reader, self._options, self._enhance = reader, (weights, device, fast, on_error), enhance
        self._colours, self._max_pixels = colours, max_pixels
        self._decoder = self._enhanced = None
        self.header = reader.header

    @property
    def decoder(self):
        if self._decoder is None:
            from rscodec.models.weights import codec_for_decoding
            from rscodec.stream.decoder import SceneDecoder

            weights, device, fast, on_error = self._options
            self._decoder = SceneDecoder(self.reader, codec_for_decoding(self.header, weights, device), on_error, fast)
        return self._decoder

    @property
    def picture(self):
        """What is read: the decoder, or what an enhancer makes of it."""
        if self._enhance is None:
            return self.decoder
        if self._enhanced is None:
            from rscodec.enhancers.apply import enhanced_stream

            colours = check_bands(self._colours, self.header.bands, self.reader.path) if self._colours else ()
            device = self._options[1]
            self._enhanced = enhanced_stream(self.reader, self.decoder, self._enhance, device, colours)
        return self._enhanced

    def mark(self, metadata: dict, chosen: list[int]) -> dict:
        """The metadata of an output of the `chosen` bands (0-based): tags say which of them are enhanced, and how."""
        return metadata if self._enhance is None else self.picture.mark(metadata, chosen)

    @property
    def metadata(self) -> dict:
        return stream_metadata(self.reader)

    @property
    def bad(self) -> dict:
        """Damaged tiles met so far, (row, col, group) -> why; only with on_error="nodata"."""
        return self.decoder.bad

    def read(self, window: tuple[int, int, int, int] | None = None, bands: tuple[int, ...] | None = None) -> Scene:
        """A window (col, row, width, height) of some bands (1-based); all of both by default."""
        header = self.header
        whole = Window(0, 0, header.width, header.height)
        window = check_window(window, whole, self.reader.path)
        with naming(self.reader.path), turn():
            check_size(window.width, window.height, header.bands, header.dtype, self._max_pixels)
            pixels, classes = self._decode(window)
            metadata = self.metadata if window == whole else crop_metadata(self.metadata, *window)
        scene = self._scene(pixels, classes, metadata, bands)
        scene.metadata = self.mark(scene.metadata, [band - 1 for band in bands or range(1, header.bands + 1)])
        return scene

    def preview(self, longest: int, bands: tuple[int, ...] | None = None) -> Scene:
        """The scene as a small picture, its longest side about so many pixels, for a fraction of the work of `read`."""
        from rscodec.stream.preview import factor_for, preview, shrunk

        header = self.header
        factor = factor_for(header.width, header.height, longest)
        small = shrunk(Window(0, 0, header.width, header.height), factor)
        with naming(self.reader.path), turn():
            check_size(small.width, small.height, header.bands, header.dtype, self._max_pixels)
            pixels, classes = preview(self.decoder, factor)
        return self._scene(pixels, classes, scale_metadata(self.metadata, factor, factor), bands)

    def _scene(self, pixels: np.ndarray, classes: np.ndarray | None, metadata: dict, bands) -> Scene:
        """What was read, or some bands of it."""
        header = self.header
        if bands is not None:
            chosen = check_bands(bands, header.bands, self.reader.path)
            coded = list(self.decoder.radiometry.coded)
            if classes is not None and len(classes) > 1:
                planes = [coded.index(band) for band in chosen if band in coded]
                classes = classes[planes or [0]]  # alpha alone has none, but any of them knows the dataset mask
            pixels, metadata = pixels[chosen], select_bands(metadata, chosen, header.bands, header.dtype)
        return Scene(pixels, classes, metadata)

    def _decode(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels and classes of a window, piece by piece: the network takes much more memory than its pixels."""
        self.decoder.prefetch(window)
        pieces = ((piece, *self.picture.read(piece)) for piece in self.picture.pieces(window))
        return assemble(pieces, window, self.header.bands, self.header.dtype)

    def close(self) -> None:
        self.reader.close()

    def __enter__(self) -> OpenScene:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def decode_file(
    src: str | Path,
    dst: str | Path,
    *,
    window: tuple[int, int, int, int] | None = None,
    bands: tuple[int, ...] | None = None,
    driver: str = "GTiff",
    creation_options: dict | None = None,
    on_error: str = "stop",
    fast: bool = False,
    weights: str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    enhance: EnhanceSettings | None = None,
    max_pixels: int = MAX_PIXELS_IN_FILE,
) -> DecodeReport:
    """Decode to an image file, window by window. Nothing appears at `dst` before it is complete.

    Where the scene does not say what is red, green and blue, `enhance` takes the first three of `bands`.
    `max_pixels`: what the file may have, width x height x bands; more is LimitExceeded.
    """
    started = time.perf_counter()
    _check_apart(dst, [src])
    options = dict(weights=weights, device=device, fast=fast, on_error=on_error, enhance=enhance, colours=bands)
    lossy = lossy_option(driver, creation_options or {})
    with turn(threads), open(src, **options) as scene, naming(src):
        header, bound = scene.header, scene.reader.bound
        if lossy and bound is not None:
            raise InputError(f"the stream promises a largest error of {bound:g}, which {lossy} cannot keep; "
                             "choose a lossless format")
        whole = Window(0, 0, header.width, header.height)
        target = check_window(window, whole, src)
        metadata = image_metadata(scene.reader)
        metadata = metadata if target == whole else crop_metadata(metadata, *target)
        chosen, metadata = _select(header.bands, header.dtype, metadata, bands, src)
        check_size(target.width, target.height, len(chosen), header.dtype, max_pixels)
        shape, metadata = (target.width, target.height, len(chosen), header.dtype), scene.mark(metadata, chosen)
        with RasterWriter(dst, *shape, metadata, driver, creation_options, overwrite) as writer:
            _write_pieces(writer, scene.picture, target, chosen, metadata, progress)
            if scene.bad and _needs_mask(driver, metadata, header.dtype):
                lost = ((piece, scene.decoder.damage(piece)) for piece in scene.picture.pieces(target))
                _mask_lost(writer, target, lost)
        bad = sorted(scene.bad, key=str)
        changed, guessed = _generated(scene.picture, chosen) if enhance else ((), ())
    size, seconds = (target.width, target.height, len(chosen)), time.perf_counter() - started
    return DecodeReport(str(dst), *size, seconds, bad, tuple(changed), guessed, lossy)


def _select(count: int, dtype: str, metadata: dict, bands: tuple[int, ...] | None, src) -> tuple[list[int], dict]:
    """The chosen ones of so many bands (0-based), and the metadata that goes with them."""
    if not bands:
        return list(range(count)), metadata
    chosen = check_bands(bands, count, src)
    return chosen, select_bands(metadata, chosen, count, dtype)


def _write_pieces(writer: RasterWriter, scene, target: Window, chosen: list[int], metadata: dict,
                  progress: Progress | None) -> None:  # fmt: skip
    """The chosen bands of a part of a scene, which may be made only now, piece by piece."""
    pieces = scene.pieces(target)
    with closing(ahead((piece, *scene.read(piece)) for piece in pieces)) as read:
        for done, (piece, pixels, classes) in enumerate(read, 1):
            _write(writer, pixels[chosen], classes, metadata, piece.col - target.col, piece.row - target.row)
            if progress:
                progress(done, len(pieces))


def _write(writer: RasterWriter, pixels: np.ndarray, classes: np.ndarray | None, metadata: dict, col: int, row: int):
    """A piece, and its part of the dataset mask where the scene has one."""
    writer.write(pixels, col, row)
    if "masked" in metadata:
        valid = np.ones(pixels.shape[1:], bool) if classes is None else classes[0] != MASKED
        writer.write_mask(valid, col, row)


def _needs_mask(driver: str, metadata: dict, dtype: str) -> bool:
    """Is a mask what it takes for an image to say that a pixel is lost, and can it have one?"""
    says = "masked" in metadata or dtype.startswith("float") or native(nodata_value(metadata), dtype) is not None
    return driver in MASKED_FORMATS and not says


def _mask_lost(writer: RasterWriter, target: Window, lost: Iterable[tuple[Window, np.ndarray | bool]]) -> None:
    """A mask of what is lost of every piece of the target."""
    for piece, gone in lost:
        valid = ~np.broadcast_to(gone, (piece.height, piece.width))
        writer.write_mask(valid, piece.col - target.col, piece.row - target.row)


def enhance_file(
    src: str | Path,
    dst: str | Path,
    enhance: EnhanceSettings,
    *,
    bands: tuple[int, ...] | None = None,
    driver: str = "GTiff",
    creation_options: dict | None = None,
    device: str = "cpu",
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> EnhanceReport:
    """Enhance a raster, window by window. Nothing appears at `dst` before it is complete.

    Where the raster does not say what is red, green and blue, the first three of `bands` are.
    """
    from rscodec.enhancers.apply import enhanced_raster

    started = time.perf_counter()
    with turn(threads), RasterReader(src) as reader:
        _check_apart(dst, reader.files)
        AtomicPath(dst, overwrite).check()
        chosen, metadata = _select(reader.count, reader.dtype, reader.metadata, bands, src)
        scene = enhanced_raster(reader, enhance, device, chosen if bands else ())
        whole = Window(0, 0, reader.width, reader.height)
        shape, metadata = (reader.width, reader.height, len(chosen), reader.dtype), scene.mark(metadata, chosen)
        with RasterWriter(dst, *shape, metadata, driver, creation_options, overwrite) as writer:
            _write_pieces(writer, scene, whole, chosen, metadata, progress)
    changed, guessed = _generated(scene, chosen)
    lossy, seconds = lossy_option(driver, creation_options or {}), time.perf_counter() - started
    return EnhanceReport(str(dst), reader.width, reader.height, changed, seconds, guessed, lossy)


def upscale_file(
    src: str | Path,
    dst: str | Path,
    upscale: UpscaleSettings,
    *,
    window: tuple[int, int, int, int] | None = None,
    bands: tuple[int, ...] | None = None,
    driver: str = "GTiff",
    creation_options: dict | None = None,
    on_error: str = "stop",
    fast: bool = False,
    weights: str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS_IN_FILE,
) -> UpscaleReport:
    """Upsample a raster, or what a stream decodes to, window by window. Nothing appears at `dst` before it is complete.

    A `window` counts pixels before, and looks as in the whole. Where the scene does not say what is red, green and
    blue, the first three of `bands` are. `on_error`, `fast` and `weights` (the codec's) are for a stream.
    `max_pixels`: what the file may have, width x height x bands; more is LimitExceeded.
    """
    from rscodec.upsamplers.apply import upscaled_raster, upscaled_stream

    started = time.perf_counter()
    with turn(threads), ExitStack() as stack:
        bad: dict = {}
        if is_url(src) or is_stream(src):
            opened = stack.enter_context(open(src, weights=weights, device=device, fast=fast, on_error=on_error))
            stack.enter_context(naming(src))
            _check_apart(dst, [src])
            image_metadata(opened.reader)
            make, bad = partial(upscaled_stream, opened.reader, opened.decoder), opened.bad
            count, dtype = opened.header.bands, opened.header.dtype
        else:
            reader = stack.enter_context(RasterReader(src))
            _check_apart(dst, reader.files)
            make, count, dtype = partial(upscaled_raster, reader), reader.count, reader.dtype
        AtomicPath(dst, overwrite).check()
        scene = make(upscale, device, check_bands(bands, count, src) if bands else ())
        part = check_window(window, scene.source, src)
        target = scene.part(part)
        metadata = scene.metadata if target == scene.target else crop_metadata(scene.metadata, *target)
        chosen, metadata = _select(count, dtype, metadata, bands, src)
        check_size(target.width, target.height, len(chosen), dtype, max_pixels)
        shape, metadata = (target.width, target.height, len(chosen), dtype), scene.mark(metadata, chosen)
        with RasterWriter(dst, *shape, metadata, driver, creation_options, overwrite) as writer:
            _write_pieces(writer, scene, target, chosen, metadata, progress)
            if bad and _needs_mask(driver, metadata, dtype):
                _mask_lost(writer, target, ((piece, scene.damage(piece)) for piece in scene.pieces(target)))
    generated, guessed = _generated(scene, chosen)
    seconds, bad = time.perf_counter() - started, sorted(bad, key=str)
    lossy = lossy_option(driver, creation_options or {})
    return UpscaleReport(str(dst), target.width, target.height, generated, seconds, bad, guessed, lossy)


def _generated(scene, chosen: list[int]) -> tuple[list[int], tuple[int, ...]]:
    """What a report says of an output of these bands: those that are generated, and those that were guessed to be."""
    generated = [place for place, band in enumerate(chosen, 1) if band in scene.bands]
    return generated, tuple(band + 1 for band in scene.bands) if generated and scene.guessed else ()


def load(src: str | Path, bands: tuple[int, ...] | None = None, weights=None, device: str = "cpu") -> Scene:
    """A whole scene from a raster or a stream (`weights`: its codec's)."""
    if is_url(src) or is_stream(src):
        with open(src, weights=weights, device=device) as opened:
            return opened.read(bands=bands)
    return Scene.load(src, bands)


def preview_file(
    src: str | Path,
    dst: str | Path,
    longest: int,
    *,
    bands: tuple[int, ...] | None = None,
    driver: str = "GTiff",
    creation_options: dict | None = None,
    on_error: str = "stop",
    weights: str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    overwrite: bool = False,
    max_pixels: int = MAX_PIXELS_IN_FILE,
) -> DecodeReport:
    """Decode to a small picture in an image file, its longest side about so many pixels."""
    from rscodec.stream.preview import factor_for, pieces, shrunk

    started = time.perf_counter()
    _check_apart(dst, [src])
    options = dict(weights=weights, device=device, on_error=on_error)
    with turn(threads), open(src, **options) as scene, naming(src):
        header = scene.header
        factor = factor_for(header.width, header.height, longest)
        target = shrunk(Window(0, 0, header.width, header.height), factor)
        scaled = scale_metadata(image_metadata(scene.reader), factor, factor)
        chosen, metadata = _select(header.bands, header.dtype, scaled, bands, src)
        check_size(target.width, target.height, len(chosen), header.dtype, max_pixels)
        shape = target.width, target.height, len(chosen), header.dtype
        with RasterWriter(dst, *shape, metadata, driver, creation_options, overwrite) as writer:
            lost: dict[Window, np.ndarray | bool] = {}
            for place, pixels, classes in pieces(scene.decoder, factor):
                _write(writer, pixels[chosen], classes, metadata, place.col, place.row)
                gone = classes is not None and (classes == MASKED).all(0)
                lost[place] = gone if np.any(gone) else False
            if scene.bad and _needs_mask(driver, metadata, header.dtype):
                _mask_lost(writer, target, lost.items())
        bad = sorted(scene.bad, key=str)
    size, seconds = (target.width, target.height, len(chosen)), time.perf_counter() - started
    return DecodeReport(str(dst), *size, seconds, bad, lossy=lossy_option(driver, creation_options or {}))


def verify_file(
    src: str | Path,
    against: str | Path | None = None,
    *,
    bands: tuple[int, ...] | None = None,
    weights: str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    progress: Progress | None = None,
):
    """Decode all of a stream and report its checksums, and how it compares with (some bands of) the scene `against`.

    The nodata value of the stream, if it has one, says which pixels of the scene are valid. Where the scene names
    another or none, metadata differs, as `validate_files` says too.
    """
    from rscodec.models.weights import codec_for_decoding
    from rscodec.stream.verify import verify

    with turn(threads), open_stream(src) as reader, naming(src):
        codec = codec_for_decoding(reader.header, weights, device)
        if against is None:
            return verify(reader, codec, None, progress)
        with RasterReader(against, bands) as raw:
            metadata = raw.metadata
        nodata = stream_metadata(reader).get("nodata")
        same = nodata in (None, metadata.get("nodata"))
        with open_source(against, bands, None if same else float(nodata)) as source:
            source.metadata = metadata  # as `validate_files` sees it
            return verify(reader, codec, source, progress)


def validate_files(scene: str | Path, other: str | Path) -> list[str]:
    """Differences between two scenes, rasters or streams, in anything but what was measured, a line each."""
    from rscodec.stream.validate import validate

    return validate(scene, other)


def check_bands(bands: tuple[int, ...], count: int, name: object = None) -> list[int]:
    """1-based numbers -> 0-based indices, each there (in the stream `name`) and named once."""
    if not isinstance(bands, Iterable) or not all(map(is_whole, bands)):
        raise InputError(f"bands are whole numbers from 1 on, such as (3, 2, 1), not {bands!r:.80}")
    if not bands or len(set(bands)) != len(bands) or any(not 1 <= band <= count for band in bands):
        chosen = ", ".join(map(str, bands)) or "none"
        raise InputError(f"{name or 'the stream'} has bands 1 to {count}, not {chosen}: name some of them, each once")
    return [band - 1 for band in bands]


def check_window(window, whole: Window, name: object = None) -> Window:
    """(col, row, width, height) as a window inside the whole (of `name`), which it is by default."""
    if window is None:
        return whole
    if not isinstance(window, Iterable) or len(window := tuple(window)) != 4 or not all(map(is_whole, window)):
        raise InputError(f"a window is four whole numbers, (col, row, width, height), not {window!r:.80}")
    found = Window(*map(int, window))
    found.check_inside(whole, name)
    return found


def check_size(width: int, height: int, bands: int, dtype: str, limit: int) -> None:
    """Raise LimitExceeded before anything is allocated for more pixels than the user allows."""
    count = width * height * bands
    if count > limit:
        gigabytes = count * np.dtype(dtype).itemsize / 1e9
        raise LimitExceeded(f"{width} x {height} pixels of {bands} bands take {gigabytes:.1f} GB; the limit is {limit} "
                            f"pixels: decode a window, or allow {count} by max_pixels (--max-pixels)")


def _settings(**settings) -> EncodeSettings:
    known = [field.name for field in fields(EncodeSettings)]
    for name in settings.keys() - set(known):
        raise InputError(f"there is no setting {name}; there are {', '.join(known)}")
    return EncodeSettings(**settings)


def _encode(
    source, target, settings: EncodeSettings, overwrite=False, progress=None, search_progress=None, spread=None
) -> tuple:
    """Encode to a path or a binary file; the quality that was used, and the PSNR that a search for one saw.

    spread(encoder, quality) gives the tiles where others make them.
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
        quality, psnr_db = settings.quality, None
        if settings.bpp is not None:
            quality, _ = quality_for_bpp(encoder, settings.bpp, search_progress)
        elif settings.psnr is not None:
            quality, psnr_db = quality_for_psnr(encoder, settings.psnr, search_progress)
        elif quality is None:
            quality = DEFAULT_QUALITY if encoder.bound is None else quality_for_bound(encoder, search_progress)
        if not spread:
            encoder.write(target, quality, overwrite, progress)
    if spread:
        encoder.write(target, quality, overwrite, progress, spread(encoder, quality))
    return None if encoder.codec.fixed_rate else from_wire(to_wire(quality)), psnr_db


def _spread(executor, src, bands, nodata, settings: EncodeSettings, encoder, quality: float) -> Iterator[tuple]:
    """The tiles of a scene, made by others."""
    from rscodec.stream.distributed import Part, spread_tiles

    scene = src if is_url(src) else str(Path(src).absolute())
    weights = settings.weights and Path(settings.weights).absolute()
    part = Part(scene, bands, nodata, replace(settings, weights=weights), encoder.radiometry, quality)
    return spread_tiles(executor, encoder, part)


def _check_apart(dst: str | Path, files: Iterable[str | Path]) -> None:
    """No file of the input is ever overwritten with what was made of it, nor removed with it, whatever was asked."""
    made = [Path(dst), *(Path(f"{dst}{suffix}") for suffix in SIDECARS)]
    for file in files:
        if not is_url(file) and any(_is_same(file, path) for path in made):
            raise OutputError(f"{dst} is the input itself, or goes with one of its files ({file}); "
                              "choose another name for the output")


def _is_same(one: str | Path, other: Path) -> bool:
    try:
        return other.samefile(one)
    except (OSError, ValueError):  # one of them is not there
        return False
