"""A library that only remembers what it was asked: these tests are about the edge, not about the codec."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from types import ModuleType

import pytest

from cli.main import main


@dataclass
class FakeApi:
    """Stands in for `rscodec.api`: records each call, returns what it was told to, or raises it."""

    calls: list[tuple[str, tuple, dict]] = field(default_factory=list)
    results: dict[str, object] = field(default_factory=dict)

    def function(self, name: str):
        def call(*args, **kwargs):
            self.calls.append((name, args, kwargs))
            result = self.results[name]
            if isinstance(result, BaseException):
                raise result
            return result
        return call


def report(name: str, **values):
    return make_dataclass(name, values)(**values)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    fake = FakeApi(results={
        "encode_file": report("EncodeReport", path=Path("out.bin"), bytes=410, bpp=0.05, quality=2.5,
                              width=256, height=256, bands=3, seconds=0.25, psnr_db=None,
                              sections={"payload": 350}),
        "decode_file": report("DecodeReport", path=Path("out.tif"), width=256, height=256, bands=3,
                              seconds=0.5, tiles_bad=[]),
        "verify_file": verify_report(),
        "validate_files": [],
    })
    module = ModuleType("rscodec.api")
    for name in fake.results:
        setattr(module, name, fake.function(name))
    monkeypatch.setitem(sys.modules, "rscodec.api", module)
    return fake


def verify_report(**changes):
    values = dict(tiles=4, tiles_bad=0, latents_crc32=0x0BADCAFE, pixels_crc32=7, psnr_db=None,
                  max_abs_error=None, nodata_exact=None, metadata_exact=None, ok=True)
    return report("VerifyReport", **{**values, **changes})


@dataclass
class Run:
    code: int
    out: str
    err: str


@pytest.fixture
def rscodec(capfd: pytest.CaptureFixture):
    """`rscodec("info", "a.bin")`: runs the command line in this process."""

    def call(*args: object) -> Run:
        capfd.readouterr()
        code = main([str(arg) for arg in args])
        return Run(code, *capfd.readouterr())

    return call
