"""What the page asks for, by path.

index.html, page/...         the page                     streams/0.bin ...              the streams
decoder/...                  bitstreams/js                original/FACTOR/ROW/COL.bin    blocks of a raster
weights/MODEL-HASH...        what the streams name        viewer.json                    what there is to be shown
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import rscodec.bitstreams
from rscodec.bitstreams import Header
from rscodec.bitstreams.errors import BitstreamError, InputError, MissingWeights, WeightsError
from rscodec.bitstreams.source import FileSource
from rscodec.models.registry import CODECS
from rscodec.models.weights import manifest, shipped
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


@dataclass(frozen=True)
class Asset:
    """Something at a path. `read(offset, length)` gives a part of it."""

    kind: str
    size: int
    read: Callable[[int, int], bytes]


class Site:
    """Of one stream (a path or a URL) or the streams of a folder, beside `against`: a raster, of which `bands` were
    encoded, or another stream. `weights`: a file to decode with, instead of the packaged ones.
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
        self.assets = {f"page/{path.name}": _file(path) for path in sorted(PAGE.iterdir()) if path.suffix in KINDS}
        self.assets["index.html"] = self.assets.pop("page/index.html")
        self.assets |= {f"decoder/{path.name}": _file(path) for path in sorted(DECODER.glob("*.js"))}
        streams, other = [self._add(stream, source) for stream in find_streams(source)], None
        if against is not None and (is_url(against) or is_stream(against)):
            other = self._add(against, against)
        elif against is not None:
            self.original = Original(against, bands)
            other = self.original.describe()
        if other is not None:
            _check_alike(streams, other)
        about = {"streams": streams, "against": other}
        self.assets["viewer.json"] = _bytes(json.dumps(about, allow_nan=False).encode(), KINDS[".json"])

    def find(self, path: str) -> Asset | None:
        """What lies at a path, if anything does."""
        if path == "":
            path = "index.html"
        block = re.fullmatch(r"original/(\d{1,3})/(\d{1,6})/(\d{1,6})\.bin", path)
        if block and self.original is not None:
            data = self.original.block(*map(int, block.groups()))
            return None if data is None else _bytes(data)
        weights = re.fullmatch(r"weights/([a-z0-9-]{1,40})-([0-9a-f]{16})\.safetensors", path)
        if weights and path not in self.assets:  # those of a file that was dropped onto the page
            known = packaged(*weights.groups())
            return None if known is None else _file(known)
        return self.assets.get(path)

    def paths(self) -> Iterator[str]:
        """Every path at which there is something."""
        yield from self.assets
        if self.original is not None:
            yield from (f"original/{factor}/{row}/{col}.bin" for factor, row, col in self.original.blocks())

    def close(self) -> None:
        if self.original is not None:
            self.original.close()

    def _add(self, stream: str | Path, named: object) -> dict:
        """One stream and its weights; what the page has to know of it. What is wrong with one of many is told there."""
        name = stream.rpartition("/")[2] if is_url(stream) else Path(stream).name
        try:
            with open_stream(stream) as reader:
                header = reader.header
            weights = self._add_weights(header)
        except (BitstreamError, WeightsError) as problem:
            if stream == named:
                raise
            words = str(problem).removeprefix(f"{stream}: ")  # the page need not know where the file lies
            return {"name": name, "error": f"{type(problem).__name__}: {words}"}
        asset = _remote(stream) if is_url(stream) else _file(Path(stream))
        path = f"streams/{sum(path.startswith('streams/') for path in self.assets)}.bin"
        self.assets[path] = asset
        shape = {"width": header.width, "height": header.height, "bands": header.bands, "dtype": header.dtype}
        return {"name": name, "path": path, "bytes": asset.size, "weights": weights} | shape

    def _add_weights(self, header: Header) -> str:
        """The path of the weights that a stream names."""
        found = header.weights_hash.hex()
        name = f"weights/{header.model}-{found}.safetensors"
        path = packaged(header.model, found) if self._weights is None else self._weights
        if path is None:
            raise MissingWeights(
                f"the stream needs {header.model} with hash {found}, which is not in this package; "
                "give its file as `weights`"
            )
        self.assets[name] = _file(path)
        return name


def packaged(model: str, weights_hash: str) -> Path | None:
    """The weights file of this package that streams of this model and hash need."""
    if model not in {row.default_model for row in CODECS}:
        return None
    return shipped(model) if weights_hash in manifest(model)["weights_hashes"].values() else None


def find_streams(source: str | Path) -> list[str | Path]:
    """The stream itself, or those of a folder."""
    if is_url(source) or not Path(source).is_dir():
        return [source]
    try:
        found = [path for path in sorted(Path(source).iterdir()) if path.is_file() and is_stream(path)]
    except OSError as problem:
        raise InputError(f"cannot read {source}: {problem.strerror}") from None
    if not found:
        raise InputError(f"{source}: there is no stream in it; name a .bin made by `rscodec encode`, or its folder")
    return list(found)


def _check_alike(streams: list[dict], other: dict) -> None:
    """Only scenes of one size can lie above each other."""
    for stream in streams:
        size, wanted = (f"{one['width']} x {one['height']}" for one in (other, {"width": 0, "height": 0} | stream))
        if "error" not in stream and size != wanted:
            raise InputError(f"{other['name']} has {size} pixels, {stream['name']} has {wanted}: they do not match")


def _bytes(data: bytes, kind: str = BINARY) -> Asset:
    return Asset(kind, len(data), lambda offset, length: data[offset : offset + length])


def _file(path: Path) -> Asset:
    """A file, opened for each part that is read: a folder may have more streams than files may be open."""

    def read(offset: int, length: int) -> bytes:
        with closing(FileSource(path)) as source:
            return source(offset, length)

    with closing(FileSource(path)) as source:
        return Asset(KINDS.get(path.suffix, BINARY), source.size, read)


def _remote(url: str) -> Asset:
    source = RemoteSource(url)
    if source.size is None:
        raise InputError(f"{url}: the server does not tell its size; fetch the whole file and use the copy")
    return Asset(BINARY, source.size, source)
