"""Outputs appear whole or not at all.

    with AtomicPath("out/scene.tif") as temporary:      out/.scene.tif.4711-0c5d77e1-9f3c2a10.part
        write(temporary)                                grows beside its target
                                                        success: renamed to out/scene.tif
                                                        exception: removed, out/scene.tif is as before
                                                        killed: removed by the next one that writes out/scene.tif

The numbers are those of the process and of the machine (or container) that it runs on, then a random one.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from .errors import OutputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, the quota, the largest file allowed
LEFTOVER = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)-(?P<machine>[0-9a-f]{8})-[0-9a-f]{8}\.part")

PROBE = 2**20  # bytes
NO_FILE = re.compile(r"-$|/vsi[a-z0-9_]+(/|$)|[a-z][a-z0-9+]+:/")


class AtomicPath:
    """A context manager that gives a temporary path and renames it to `path` when its block succeeds.

    Files that the writer lays beside the temporary one under its name plus a suffix (`.aux.xml`, `.msk`)
    are renamed or removed with it; those that a replaced output has under one of the suffixes `sidecars` go with it.
    An OSError that tells of a full disk becomes an OutputError.
    """

    def __init__(self, path: str | os.PathLike, overwrite: bool = False, sidecars: Iterable[str] = ()):
        self.path = Path(path)
        self.overwrite, self._sidecars = overwrite, tuple(sidecars)
        target = Path(os.path.realpath(path))  # a link is written through, not replaced
        self._target = target
        self.temporary = target.with_name(f".{target.name}.{os.getpid()}-{_machine()}-{secrets.token_hex(4)}.part")

    def __enter__(self) -> Path:
        self.check()
        remove_leftovers([self._target], _has_died)
        return self.temporary

    def check(self) -> None:
        """Raise OutputError where it is plain already that `path` cannot be written: before the work, not after it."""
        if NO_FILE.match(os.fspath(self.path)):
            raise OutputError(
                f"cannot write {self.path}: name a file on disk; neither standard output, nor URLs, nor "
                "GDAL's /vsi paths can be written"
            )
        folder = self._target.parent
        try:
            self.temporary.lstat()
        except OSError as problem:
            if problem.errno == errno.ENAMETOOLONG:
                raise self.error(problem) from None
        if not folder.exists():
            raise OutputError(f"cannot write {self.path}: there is no folder {folder}; create it first")
        if not folder.is_dir():
            raise OutputError(f"cannot write {self.path}: {folder} is a file, not a folder")
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise OutputError(f"cannot write {self.path}: the folder {folder} is not readable and writable")
        self._check_target()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            try:
                self._commit()
            except BaseException as problem:
                self._remove()
                if isinstance(problem, OSError):
                    raise self.error(problem) from problem
                raise
            return
        self._remove()
        if isinstance(error, OSError) and error.errno in FULL:
            raise self.error(error) from error

    def error(self, problem: OSError) -> OutputError:
        """What the operating system said while the output was written."""
        if problem.errno in FULL:
            return OutputError(f"cannot write {self.path}: no space left; free some or write to another disk")
        return OutputError(f"cannot write {self.path}: {problem.strerror or problem}")

    def check_space(self) -> None:
        """Raise OutputError if the disk takes no more: for a writer that has failed and does not say why."""
        try:
            for part in self._parts() or [self.temporary]:
                with part.open("ab") as file:
                    file.write(bytes(PROBE))
        except OSError as problem:
            raise self.error(problem) from problem

    def _check_target(self) -> None:
        if self._target.is_dir():
            raise OutputError(f"cannot write {self.path}: it is a folder; name a file")
        if self._target.exists() and not self._target.is_file():
            raise OutputError(f"cannot write {self.path}: it is not a regular file")
        if self._target.exists() and not self.overwrite:
            raise OutputError(f"cannot write {self.path}: it exists; give `overwrite=True` or choose another name")

    def _commit(self) -> None:
        """What is new takes its place, the file itself last; should that fail, everything old is where it was."""
        self._check_target()
        new = sorted(self._parts(), key=lambda part: len(part.name), reverse=True)
        if self.temporary not in new:
            raise OutputError(f"cannot write {self.path}: its temporary file {self.temporary} is gone; try again")
        placed: list[Path] = []
        aside: list[tuple[Path, Path]] = []
        try:
            for old in filter(Path.exists, (self._beside(suffix) for suffix in self._sidecars)):
                aside.append((old, self.temporary.with_name(f"{self.temporary.name}.{len(aside)}")))
                os.replace(*aside[-1])
            for part in new:
                placed.append(self._beside(part.name[len(self.temporary.name) :]))
                os.replace(part, placed[-1])
        except BaseException:
            for place in placed[:-1]:
                place.unlink()
            for old, kept in filter(lambda pair: pair[1].exists(), aside):
                os.replace(kept, old)
            raise
        self._remove()

    def _beside(self, suffix: str) -> Path:
        """The output itself, or a file that belongs to it."""
        return self._target.with_name(self._target.name + suffix)

    def _remove(self) -> None:
        for part in self._parts():
            part.unlink(missing_ok=True)

    def _parts(self) -> list[Path]:
        return [p for p in self.temporary.parent.iterdir() if p.name.startswith(self.temporary.name)]


def remove_leftovers(paths: Iterable[str | os.PathLike], which: Callable[[re.Match], bool] = lambda _: True) -> None:
    """Remove what processes that were killed left beside these outputs: all, where nobody writes them any more, or
    those whose name is one `which` to remove.
    """
    outputs = {Path(path) for path in paths}
    for folder in {output.parent for output in outputs}:
        for entry in os.listdir(folder):
            found = LEFTOVER.match(entry)
            if found and folder / found["name"] in outputs and which(found):
                with suppress(OSError):  # somebody else's, or gone already
                    os.unlink(folder / entry)


def _has_died(leftover: re.Match) -> bool:
    """Whether the process was one of this machine and is no more."""
    if leftover["machine"] != _machine() or not hasattr(os, "fork"):  # elsewhere os.kill would end it
        return False
    try:
        os.kill(int(leftover["process"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def _machine() -> str:
    """The machine, or the container of it, whose numbers of processes are ours."""
    name = socket.gethostname()
    with suppress(OSError):
        name += os.readlink("/proc/self/ns/pid")
    return f"{zlib.crc32(name.encode()):08x}"
