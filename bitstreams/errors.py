"""Every error of the project, in one tree.

    RscodecError 1 ─┬─ InputError 3         the scene or the request cannot be used
                    ├─ BitstreamError 4     the stream is damaged, foreign or newer (SPEC.md names each leaf)
                    ├─ WeightsError 5       the weights are missing or are not the ones the stream names
                    ├─ InexactModelError 5  a network could leave the range in which its arithmetic is exact
                    ├─ InexactArithmetic 5  the weights are right, but this machine rounds where it must not
                    ├─ CheckError 6         verify or validate found a difference
                    ├─ BatchFailed          some scenes of a batch failed; each has its own exit code
                    ├─ ToolMissing 1        a program that an anchor needs is not installed; reports skip the anchor
                    ├─ ToolFailed 1         such a program ended with an error
                    ├─ MetricUnavailable 1  a metric needs a file that was not found; reports skip the metric
                    └─ OutputError 7        the result cannot be written

The number is the exit code of the command line (0: success, 1: unexpected error, 2: wrong usage). A message is one
line. It says what is wrong, where, and what to do about it. It names arguments in backticks (`bpp`, `max_error=2`); the
command line prints the options that set them (cli/spelling.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


class RscodecError(Exception):
    """The base class of all errors: `except RscodecError` catches every error that this project raises on purpose.

    >>> import rscodec
    >>> try:
    ...     rscodec.decode(b"no stream at all")
    ... except rscodec.RscodecError as error:
    ...     print(type(error).__name__, error.exit_code)
    NotAStream 4
    """

    exit_code = 1


class InputError(RscodecError):
    """The scene or the request cannot be used, such as a missing file, 17 bands, or a window out of range."""

    exit_code = 3


class BitstreamError(RscodecError):
    """The stream violates SPEC.md."""

    exit_code = 4


class NotAStream(BitstreamError):
    """The magic number is missing: this is some other kind of file."""


class FutureVersion(BitstreamError):
    """The stream uses a format or arithmetic version that this program does not know."""


class UnknownModel(BitstreamError):
    """The stream names a model that this program's wire table does not list."""


class Truncated(BitstreamError):
    """The stream ends inside its header or its tile index."""


class HeaderDamaged(BitstreamError):
    """The header does not match its checksum."""


class BadField(BitstreamError):
    """A field of an undamaged header holds a value that the format does not allow."""


class TrailingBytes(BadField):
    """Something follows the last payload."""


class LimitExceeded(BitstreamError):
    """A size, count or length is above the named limit."""


class IndexDamaged(BitstreamError):
    """The tile index does not match its checksum or contradicts itself."""


class MetadataDamaged(BitstreamError):
    """The metadata section does not inflate to a JSON object, or a key has an impossible value."""


class RadiometryDamaged(BitstreamError):
    """The radiometry section does not describe a usable transform of the bands."""


class SymbolsDamaged(BitstreamError):
    """A payload holds symbols that no encoder writes. The decoder turns it into TileDamaged, which names the tile."""


class TileDamaged(BitstreamError):
    """One entry of one tile is unusable; the other tiles are not affected.

    `tile` is (row, col, group) as `StreamReader.entry` takes them. Group None means the lossless planes.
    """

    def __init__(self, message: str, tile: tuple[int, int, int | str | None] | None = None):
        super().__init__(message)
        self.tile = tile


class MaskDamaged(TileDamaged):
    """The lossless planes of a tile are unusable. `tile` is None if the decoder knew only the bytes, not their tile."""


class WeightsError(RscodecError):
    """The weights that a stream or a command needs are missing or wrong."""

    exit_code = 5


class MissingWeights(WeightsError):
    """No file with these weights was found."""


class WrongWeights(WeightsError):
    """A file was found, but it is no usable weights file, or its hash is not the one that is needed."""


class InexactModelError(RscodecError):
    """A layer of a network could leave the range in which float32 arithmetic is exact."""

    exit_code = 5


class InexactArithmetic(RscodecError):
    """The weights are the right ones, but on this machine they give other results than on all other machines."""

    exit_code = 5


class CheckError(RscodecError):
    """verify or validate completed and found differences."""

    exit_code = 6


class BatchFailed(RscodecError):
    """Some scenes of a batch failed. The exit code is that of the scenes, or 1 if their exit codes differ."""

    def __init__(self, message: str, exit_codes: set[int]):
        super().__init__(message)
        self.exit_code = exit_codes.pop() if len(exit_codes) == 1 else 1


class OutputError(RscodecError):
    """The result cannot be written, for example because the output exists already or the disk is full."""

    exit_code = 7


class ToolMissing(RscodecError):
    """A program that an anchor (another codec) needs is not installed. Reports name the anchor and skip it."""


class ToolFailed(RscodecError):
    """A program ended with an error. The message holds the end of its output."""


class MetricUnavailable(RscodecError):
    """A metric needs a file that was not found and could not be downloaded."""


def check_path(value: object, what: str) -> None:
    """Raise InputError unless a value is a path."""
    if not isinstance(value, (str, os.PathLike)):
        raise InputError(f"{what} is a path, not {type(value).__name__}")


@contextmanager
def naming(path: str | os.PathLike | None) -> Iterator[None]:
    """Put the file name in front of messages about a stream: "the header ..." becomes "scene.bin: the header ..."."""
    try:
        yield
    except BitstreamError as problem:
        if path is not None:
            problem.args = (f"{path}: {problem}",)
        raise
