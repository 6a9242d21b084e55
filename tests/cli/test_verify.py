"""`rscodec verify`: prints the checksums, and exits 0 only if all is well."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path


def outcome(api, **changes):
    api.results["verify_file"] = dataclasses.replace(api.results["verify_file"], **changes)


def test_prints_what_it_found(rscodec, api):
    result = rscodec("verify", "a.bin", "--threads", "2")
    assert result.code == 0 and result.err == ""
    printed = dict(line.split() for line in result.out.splitlines())
    assert printed == {
        "tiles": "4",
        "tiles_bad": "0",
        "latents_crc32": "0badcafe",
        "pixels_crc32": "00000007",
        "psnr_db": "-",
        "peak": "-",
        "rmse": "-",
        "max_abs_error": "-",
        "max_error_bound": "-",
        "nodata_exact": "-",
        "metadata_exact": "-",
    }
    assert api.calls == [
        ("verify_file", (Path("a.bin"), None), dict(bands=None, weights=None, device="cpu", threads=2, progress=None))
    ]


def test_against_a_scene_of_several_files(rscodec, api):
    rscodec("verify", "a.bin", "--against", "a.tif", "--against", "b.tif")
    rscodec("verify", "a.bin")
    assert [args[1] for _, args, _ in api.calls] == [(Path("a.tif"), Path("b.tif")), None]


def test_against_a_scene(rscodec, api):
    outcome(api, psnr_db=34.5, max_abs_error=12.0, nodata_exact=True, metadata_exact=True)
    result = rscodec("verify", "a.bin", "--against", "a.tif")
    assert result.code == 0 and api.calls[0][1] == (Path("a.bin"), Path("a.tif"))
    assert "34.5000" in result.out


def test_bands_go_with_a_scene(rscodec, api):
    assert rscodec("verify", "a.bin", "--against", "a.tif", "--bands", "4,3,2").code == 0
    assert api.calls[0][2]["bands"] == (4, 3, 2)
    result = rscodec("verify", "a.bin", "--bands", "4,3,2")
    assert result.code == 2 and "--against" in result.err and len(api.calls) == 1


def test_a_bad_tile_is_6(rscodec, api):
    outcome(api, tiles_bad=1, lost="tile (0, 1) group 0")
    result = rscodec("verify", "a.bin")
    assert result.code == 6 and "tiles_bad" in result.out
    assert "1 of 4 tiles are damaged: tile (0, 1) group 0" in result.err


def test_differences_from_the_scene_are_6_and_named(rscodec, api):
    lines = ("nodata: '0.0' in the stream, nothing in the scene", "units: ['K'] in the stream, ['m'] in the scene")
    differs = dict(nodata_exact=False, metadata_exact=False, metadata_differences=lines)
    outcome(api, psnr_db=34.5, max_abs_error=3.0, **differs)
    result = rscodec("verify", "a.bin", "--against", "a.tif")
    assert result.code == 6 and "nodata differs" in result.err and f"metadata differs: {'; '.join(lines)}" in result.err


def test_quiet_prints_nothing_unless_there_is_a_fault(rscodec, api):
    result = rscodec("verify", "a.bin", "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")
    outcome(api, tiles_bad=1, lost="tile (0, 1) group 0")
    result = rscodec("verify", "a.bin", "--quiet")
    assert result.code == 6 and result.out == "" and "1 of 4 tiles" in result.err


def test_an_error_above_the_bound_is_6(rscodec, api):
    outcome(api, max_abs_error=2.0, max_error_bound=2.0)
    assert rscodec("verify", "a.bin", "--against", "a.tif").code == 0
    outcome(api, max_abs_error=3.0)
    result = rscodec("verify", "a.bin", "--against", "a.tif")
    assert result.code == 6 and "off by 3, above the bound of 2" in result.err


def test_json_is_strict(rscodec, api):
    outcome(api, psnr_db=math.inf, max_abs_error=0.0, nodata_exact=True, metadata_exact=True)
    result = rscodec("verify", "a.bin", "--against", "a.tif", "--json")
    printed = json.loads(result.out)
    assert result.code == 0 and printed["psnr_db"] is None and printed["latents_crc32"] == 0x0BADCAFE
