"""A library that only remembers what it was asked: these tests are about the edge, not about the codec."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType

import pytest

from rscodec.api import DecodeReport, EncodeReport, EnhanceReport, UpscaleReport
from rscodec.cli.main import main
from rscodec.stream.sampled_error import SampledError
from rscodec.stream.verify import VerifyReport


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


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    fake = FakeApi(
        results={
            "encode_file": EncodeReport(
                path="out.bin",
                bytes=410,
                bpp=0.05,
                quality=2.5,
                width=256,
                height=256,
                bands=3,
                dtype="uint8",
                ratio=479.5,
                seconds=0.25,
                sections={"bytes_file": 410},
            ),
            "decode_file": DecodeReport(path="out.tif", width=256, height=256, bands=3, seconds=0.5, tiles_bad=[]),
            "enhance_file": EnhanceReport(path="out.tif", width=256, height=256, bands=[1, 2, 3], seconds=0.5),
            "preview_file": DecodeReport(path="out.tif", width=64, height=64, bands=3, seconds=0.5, tiles_bad=[]),
            "upscale_file": UpscaleReport(
                path="out.tif", width=666, height=666, bands=[1, 2, 3], seconds=0.5, tiles_bad=[]
            ),
            "verify_file": VerifyReport(tiles=4, tiles_bad=0, latents_crc32=0x0BADCAFE, pixels_crc32=7),
            "validate_files": [],
            "sample_error": SampledError(psnr_db=38.204, rmse=3.1, largest=12.0, tiles=4, of=64),
        }
    )
    module = ModuleType("rscodec.api")
    for name in fake.results:
        setattr(module, name, fake.function(name))
    monkeypatch.setitem(sys.modules, "rscodec.api", module)
    return fake


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
