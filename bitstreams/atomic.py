"""An output file appears complete, or not at all.

    with AtomicPath("out/scene.tif") as temporary:      out/.scene.tif.4711-0c5d77e1-9f3c2a10.part
        write(temporary)                                grows beside its target
                                                        success: renamed to out/scene.tif
                                                        exception: removed, out/scene.tif is as before
                                                        killed: the next process that writes out/scene.tif removes it

The three numbers are the process ID, an ID of the machine or container, and a random number.
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

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk is full, the quota is used up, the file is too large
LEFTOVER = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)-(?P<machine>[0-9a-f]{8})-[0-9a-f]{8}\.part")

PROBE = 2**20  # bytes
NO_FILE = re.compile(r"-$|/vsi[a-z0-9_]+(/|$)|[a-z][a-z0-9+]+:/")


class AtomicPath:
    """A context manager that gives a temporary path and renames it to `path` when its block succeeds.

    A writer may create files beside the temporary file, under its name plus a suffix (`.aux.xml`, `.msk`). They are
    renamed or removed with it. On success, older files named like the output plus one of the suffixes `sidecars` are
    removed. An OSError that means a full disk becomes an OutputError.
    """

    def __init__(self, path: str | os.PathLike, overwrite: bool = False, sidecars: Iterable[str] = ()):
        self.path = Path(path)
        self.overwrite, self._sidecars = overwrite, tuple(sidecars)
        target = Path(os.path.realpath(path))  # if `path` is a link, its target is replaced and the link stays
        self._target = target
        self.temporary = target.with_name(f".{target.name}.{os.getpid()}-{_machine()}-{secrets.token_hex(4)}.part")

    def __enter__(self) -> Path:
        self.check()
        remove_leftovers([self._target], _has_died)
        return self.temporary

    def check(self) -> None:
        """Raise OutputError if `path` cannot be written. Call it before long work, so that the work is not lost."""
        check_on_disk(self.path, "file")
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
        """An OutputError for what the operating system reported while the output was written."""
        if problem.errno in FULL:
            return OutputError(f"cannot write {self.path}: no space left; free some or write to another disk")
        return OutputError(f"cannot write {self.path}: {problem.strerror or problem}")

    def check_space(self) -> None:
        """Raise OutputError if the disk is full. Call it after a writer fails without giving a reason."""
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
        """Rename the new files to their final names, the output itself last. If that fails, restore the old files."""
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
        """The path of the output, or of a file that belongs to it."""
        return self._target.with_name(self._target.name + suffix)

    def _remove(self) -> None:
        for part in self._parts():
            part.unlink(missing_ok=True)

    def _parts(self) -> list[Path]:
        return [p for p in self.temporary.parent.iterdir() if p.name.startswith(self.temporary.name)]


def check_on_disk(path: str | os.PathLike, kind: str) -> None:
    """Raise OutputError for a path that cannot be on disk, such as a URL. `kind` is "file" or "folder"."""
    if NO_FILE.match(os.fspath(path)):
        raise OutputError(
            f"cannot write {path}: name a {kind} on disk; neither standard output, nor URLs, nor "
            "GDAL's /vsi paths can be written"
        )


def remove_leftovers(paths: Iterable[str | os.PathLike], which: Callable[[re.Match], bool] = lambda _: True) -> None:
    """Remove temporary files that killed processes left beside these outputs. `which` decides by name; by default all
    are removed, which is safe only if no process still writes these outputs.
    """
    outputs = {Path(path) for path in paths}
    for folder in {output.parent for output in outputs}:
        for entry in os.listdir(folder):
            found = LEFTOVER.match(entry)
            if found and folder / found["name"] in outputs and which(found):
                with suppress(OSError):  # it belongs to another user, or is gone already
                    os.unlink(folder / entry)


def _has_died(leftover: re.Match) -> bool:
    """Whether the process ran on this machine and has ended."""
    if leftover["machine"] != _machine() or not hasattr(os, "fork"):  # on Windows, os.kill would end the process
        return False
    try:
        os.kill(int(leftover["process"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def _machine() -> str:
    """An ID of the machine or container, within which process IDs are unique."""
    name = socket.gethostname()
    with suppress(OSError):
        name += os.readlink("/proc/self/ns/pid")
    return f"{zlib.crc32(name.encode()):08x}"
