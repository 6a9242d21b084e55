"""The files that the page needs, by path.

index.html, page/...         the page                     streams/0.bin ...              the streams
decoder/...                  bitstreams/js                original/FACTOR/ROW/COL.bin    blocks of a raster
weights/MODEL-HASH...        the weights of the streams   viewer.json                    what the page shows
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import rscodec.bitstreams
from rscodec.bitstreams import Header
from rscodec.bitstreams.errors import BitstreamError, InputError, MissingWeights, WeightsError
from rscodec.bitstreams.source import FileSource
from rscodec.models.registry import CODECS
from rscodec.models.weights import manifest, shipped
from rscodec.raster.metadata import nodata_value
from rscodec.raster.metadata_schema import stream_metadata
from rscodec.raster.reader import is_stream
from rscodec.stream.remote import RemoteSource, is_url, open_stream
from rscodec.viewer.original import Original

PAGE = Path(__file__).parent / "page"
DECODER = Path(rscodec.bitstreams.__file__).parent / "js"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
}
BINARY = "application/octet-stream"
QUERY = re.compile(r"(://[^\s?]*)\?\S*?(?=[:,;)'\"]*(?:\s|$))")  # of a URL in a message; it may be a signature


@dataclass(frozen=True)
class Asset:
    """A file at a path. `read(offset, length)` returns a part of it."""

    kind: str
    size: int
    read: Callable[[int, int], bytes]


class Site:
    """The page for one stream (a path or a URL) or for the streams of a folder, beside `against`: another stream, or a
    raster of which `bands` were encoded. If `weights` is given, the page decodes with this file instead of the packaged
    weights.
    """

    def __init__(
        self,
        source: str | Path,
        against: str | Path | None = None,
        bands: tuple[int, ...] | None = None,
        weights: Path | None = None,
    ):
        self._weights = weights
        self.original: Original | None = None
        self.assets: dict[str, Asset | Path] = {  # a Path is a file that may be replaced: each request opens it
            f"page/{path.name}": path for path in sorted(PAGE.iterdir()) if path.suffix in KINDS
        }
        self.assets["index.html"] = self.assets.pop("page/index.html")
        self.assets |= {f"decoder/{path.name}": path for path in sorted(DECODER.glob("*.js"))}
        found = find_streams(source)
        streams, other = [self._add(stream, source) for stream in found], None
        if against is not None and (is_url(against) or is_stream(against)):
            other = self._add(against, against)
        elif against is not None:
            readable = [stream for stream, known in zip(found, streams, strict=True) if "error" not in known]
            self.original = Original(against, bands, _nodata(readable))
            other = self.original.describe()
        if other is not None:
            _check_alike(streams, other)
        about = {"streams": streams, "against": other}
        self.assets["viewer.json"] = _bytes(json.dumps(about, allow_nan=False).encode(), KINDS[".json"])

    def find(self, path: str) -> Asset | None:
        """Return the asset at a path, or None."""
        if path == "":
            path = "index.html"
        block = re.fullmatch(r"original/(\d{1,3})/(\d{1,6})/(\d{1,6})\.bin", path)
        if block and self.original is not None:
            data = self.original.block(*map(int, block.groups()))
            return None if data is None else _bytes(data)
        weights = re.fullmatch(r"weights/([a-z0-9-]{1,40})-([0-9a-f]{16})\.safetensors", path)
        if weights and path not in self.assets:  # the weights of a stream that was dropped onto the page
            known = packaged(*weights.groups())
            return None if known is None else _file(known)
        found = self.assets.get(path)
        return _file(found) if isinstance(found, Path) else found

    def paths(self) -> Iterator[str]:
        """Yield every path at which there is an asset."""
        yield from self.assets
        if self.original is not None:
            yield from (f"original/{factor}/{row}/{col}.bin" for factor, row, col in self.original.blocks())

    def close(self) -> None:
        if self.original is not None:
            self.original.close()

    def _add(self, stream: str | Path, named: object) -> dict:
        """Add a stream and its weights. Return what the page must know, or the error if one stream of many is
        unreadable.
        """
        name = _name(stream)
        try:
            with open_stream(stream) as reader:
                header = reader.header
            weights = self._add_weights(header)
        except (BitstreamError, WeightsError) as problem:
            if stream == named:
                raise
            words = str(problem).removeprefix(f"{stream}: ")  # the page need not know the path of the file
            return {"name": name, "error": f"{type(problem).__name__}: {words}"}
        asset = _remote(stream) if is_url(stream) else _file(Path(stream))
        path = f"streams/{sum(path.startswith('streams/') for path in self.assets)}.bin"
        self.assets[path] = asset if is_url(stream) else Path(stream)
        shape = {"width": header.width, "height": header.height, "bands": header.bands, "dtype": header.dtype}
        return {"name": name, "path": path, "bytes": asset.size, "weights": weights} | shape

    def _add_weights(self, header: Header) -> str:
        """Add the weights that a stream names, and return their path."""
        found = header.weights_hash.hex()
        name = f"weights/{header.model}-{found}.safetensors"
        path = packaged(header.model, found) if self._weights is None else self._weights
        if path is None:
            raise MissingWeights(
                f"the stream needs {header.model} with hash {found}, which is not in this package; "
                "give its file as `weights`"
            )
        _file(path)  # refuses a file that cannot be read
        self.assets[name] = path
        return name


def packaged(model: str, weights_hash: str) -> Path | None:
    """Return the weights file of this package for streams of this model and hash, or None."""
    if model not in {row.default_model for row in CODECS}:
        return None
    return shipped(model) if weights_hash in manifest(model)["weights_hashes"].values() else None


def find_streams(source: str | Path) -> list[str | Path]:
    """Return the stream itself, or the streams of a folder."""
    if is_url(source) or not Path(source).is_dir():
        return [source]
    try:
        found = [path for path in sorted(Path(source).iterdir()) if path.is_file() and is_stream(path)]
    except OSError as problem:
        raise InputError(f"cannot read {source}: {problem.strerror}") from None
    if not found:
        raise InputError(f"{source}: there is no stream in it; name a .bin made by `rscodec encode`, or its folder")
    return list(found)


def _name(stream: str | Path) -> str:
    """Return the name of a file, without the query of a URL."""
    return unquote(urlsplit(stream).path.rpartition("/")[2]) if is_url(stream) else Path(stream).name


def _nodata(streams: list[str | Path]) -> float | None:
    """Return the nodata value of the first stream. `encode` may have replaced that of the original by it."""
    if not streams:
        return None
    with open_stream(streams[0]) as reader:
        return nodata_value(stream_metadata(reader))


def _check_alike(streams: list[dict], other: dict) -> None:
    """Check that the scenes have the same size, so that one can lie above the other."""
    for stream in streams:
        size, wanted = (f"{one['width']} x {one['height']}" for one in (other, {"width": 0, "height": 0} | stream))
        if "error" not in stream and size != wanted:
            raise InputError(f"{other['name']} has {size} pixels, {stream['name']} has {wanted}: they do not match")


def _bytes(data: bytes, kind: str = BINARY) -> Asset:
    return Asset(kind, len(data), lambda offset, length: data[offset : offset + length])


def _file(path: Path) -> Asset:
    """Return a file as an asset. Each read opens it again: a folder may have more streams than files may be open."""

    def read(offset: int, length: int) -> bytes:
        with closing(FileSource(path)) as source:
            return source(offset, length)

    with closing(FileSource(path)) as source:
        return Asset(KINDS.get(path.suffix, BINARY), source.size, read)


def _remote(url: str) -> Asset:
    source = RemoteSource(url)
    if source.size is None:
        raise InputError(f"{url}: the server does not state the file's size; fetch the whole file and use the copy")

    def read(offset: int, length: int) -> bytes:
        try:
            return source(offset, length)
        except InputError as problem:
            raise InputError(QUERY.sub(r"\1", str(problem))) from None

    return Asset(BINARY, source.size, read)
