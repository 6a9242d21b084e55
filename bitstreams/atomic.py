"""An output file appears complete, or not at all.

    with AtomicPath("out/scene.tif") as temporary:      out/.scene.tif.4711-0c5d77e1-9f3c2a10.part/scene.tif
        write(temporary)                                grows in a folder beside its target
                                                        success: renamed to out/scene.tif
                                                        exception: removed, out/scene.tif is as before
                                                        killed: the next process that writes out/scene.tif removes it

The temporary file has its final name, from which GDAL derives formats and the names of other files. The three numbers
in the name of the folder are the process ID, an ID of the machine or container, and a random number.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import socket
import tempfile
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

    A writer may create other files beside the temporary file (`a.tif.aux.xml`, `a.tfw`). They are renamed or removed
    with it, and replace older ones only if the output itself is replaced. On success, older files named like the output
    plus one of the suffixes `sidecars` are removed. An OSError that means a full disk becomes an OutputError.
    """

    def __init__(self, path: str | os.PathLike, overwrite: bool = False, sidecars: Iterable[str] = ()):
        self.path = Path(path)
        self.overwrite, self._sidecars = overwrite, tuple(sidecars)
        target = Path(os.path.realpath(path))  # if `path` is a link, its target is replaced and the link stays
        self._target = target
        self._folder = target.with_name(f".{target.name}.{os.getpid()}-{_machine()}-{secrets.token_hex(4)}.part")
        self.temporary = self._folder / target.name

    def __enter__(self) -> Path:
        self.check()
        remove_leftovers([self._target], _has_died)
        try:
            self._folder.mkdir()
        except OSError as problem:
            raise self.error(problem) from problem
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
            for part in [file for file in self._folder.rglob("*") if file.is_file()] or [self.temporary]:
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
        parts = list(self._folder.iterdir()) if self._folder.exists() else []
        if self.temporary not in parts:
            raise OutputError(f"cannot write {self.path}: its temporary file {self.temporary} is gone; try again")
        new = [(part, self._target.with_name(part.name)) for part in parts if part != self.temporary]
        stale = {self._target.with_name(self._target.name + suffix) for suffix in self._sidecars}
        replaced = {place for _, place in new} - stale
        self._check_free(replaced)
        kept = Path(tempfile.mkdtemp(dir=self._folder))
        aside = [(old, kept / old.name) for old in sorted(stale | replaced) if old.exists()]
        done: list[tuple[Path, Path]] = []
        try:
            for move in (*aside, *new, (self.temporary, self._target)):
                os.replace(*move)
                done.append(move)
        except BaseException:
            for source, place in reversed(done):
                os.replace(place, source)
            raise
        self._remove()

    def _check_free(self, places: Iterable[Path]) -> None:
        """Raise OutputError if a file that comes with the output would replace one of another output."""
        taken = next((place for place in places if place.exists()), None)
        if taken and not self._target.exists():
            raise OutputError(f"cannot write {self.path}: {taken} comes with it, but exists; choose another name")

    def _remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def check_on_disk(path: str | os.PathLike, kind: str) -> None:
    """Raise OutputError for a path that cannot be on disk, such as a URL. `kind` is "file" or "folder"."""
    if NO_FILE.match(os.fspath(path)):
        raise OutputError(
            f"cannot write {path}: name a {kind} on disk; neither standard output, nor URLs, nor "
            "GDAL's /vsi paths can be written"
        )


def remove_leftovers(paths: Iterable[str | os.PathLike], which: Callable[[re.Match], bool] = lambda _: True) -> None:
    """Remove temporary folders that killed processes left beside these outputs. `which` decides by name; by default all
    are removed, which is safe only if no process still writes these outputs.
    """
    outputs = {Path(path) for path in paths}
    for folder in {output.parent for output in outputs}:
        for entry in os.listdir(folder):
            found = LEFTOVER.fullmatch(entry)
            if found and folder / found["name"] in outputs and which(found):
                shutil.rmtree(folder / entry, ignore_errors=True)  # it belongs to another user, or is gone already


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
