"""`rscodec validate`: a line where all is identical, otherwise every difference and exit code 6."""

from __future__ import annotations

from pathlib import Path


def test_identical(rscodec, api):
    result = rscodec("validate", "a.tif", "a.bin")
    assert result.code == 0 and result.out.startswith("a.tif and a.bin are identical except for the pixels: size,")
    assert api.calls == [("validate_files", (Path("a.tif"), Path("a.bin")), {})]


def test_quiet_leaves_the_exit_code(rscodec, api):
    result = rscodec("validate", "a.tif", "a.bin", "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_every_difference_is_a_line(rscodec, api):
    api.results["validate_files"] = ["width: 3 is not 4", "crs: missing in b.tif"]
    result = rscodec("validate", "a.tif", "b.tif")
    assert result.code == 6 and result.out == "width: 3 is not 4\ncrs: missing in b.tif\n"
    assert "2 place(s)" in result.err
