"""A headless Chromium that tests talk to over a pipe, as its DevTools protocol has it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def path() -> str | None:
    """Where Chromium is, if it is on PATH."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page. `errors` has what it said of exceptions and on its console."""

    def __init__(self, out: int, back: int, process: int):
        self._out, self._back, self._rest, self._count = out, back, b"", 0
        self._process = process
        self._session: str | None = None
        self.errors: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, seconds: float = 120, **params) -> dict:
        """The result of a command."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + seconds
        while True:
            answer = self._next(deadline, method)
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def evaluate(self, code: str, seconds: float = 120):
        """What a JavaScript expression is in the page, awaited."""
        found = self.ask(
            "Runtime.evaluate", seconds, expression=code, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def size(self, width: int, height: int, ratio: float = 1, mobile: bool = False) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=ratio, mobile=mobile
        )
        self.ask("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def open(self, url: str, seconds: float = 120) -> str:
        """Open a page of the viewer; the state it comes to."""
        self.errors.clear()
        self.ask("Page.navigate", url=url)
        return self.settle(seconds)

    def settle(self, seconds: float = 120) -> str:
        """Wait until the page has drawn all that it wants to, or has failed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(AssertionError):  # between two pages
                state = self.evaluate("document.body?.dataset.state")
                if state in ("ready", "failed"):
                    time.sleep(0.2)
                    if self.evaluate("document.body.dataset.state") == state:
                        return state
            time.sleep(0.1)
        raise TimeoutError(f"the page is still {self.evaluate('document.body.dataset.state')}")

    def picture(self, path: Path) -> bytes:
        """A screenshot as PNG, in a file too."""
        data = base64.b64decode(self.ask("Page.captureScreenshot")["data"])
        path.write_bytes(data)
        return data

    def mouse(self, kind: str, x: float, y: float, **more) -> None:
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def processes(self) -> Iterator[Path]:
        """The folders in /proc of the browser's own processes."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parents[stat.parent.name] = stat.read_text().rpartition(")")[2].split()[1]
        for process in parents:
            above = process
            while above in parents and above != str(self._process):
                above = parents[above]
            if above == str(self._process):
                yield Path("/proc", process)

    def _next(self, deadline: float, method: str) -> dict:
        while b"\0" not in self._rest:
            if not select([self._back], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"Chromium does not answer {method}")
            data = os.read(self._back, 2**16)
            assert data, "Chromium has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium with a profile of its own, ended at the end."""
    into, out = os.pipe()
    back, outward = os.pipe()
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        shell = f'exec "$@" 3<&{into} 4>&{outward}'
        command = ["bash", "-c", shell, "bash", path(), *options, f"--user-data-dir={profile}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, pass_fds=(into, outward), **quiet)
        os.close(into)
        os.close(outward)
        try:
            yield Browser(out, back, process.pid)
        finally:
            process.terminate()
            process.wait(30)
            os.close(out)
            os.close(back)
