"""The files that are written are those that are served."""

from __future__ import annotations

import pytest

from rscodec.bitstreams.errors import OutputError
from rscodec.viewer.export import export
from rscodec.viewer.site import Site


def part(site: Site, path: str) -> bytes:
    asset = site.find(path)
    return asset.read(0, asset.size)


def test_an_export_has_all_that_is_served(scenes, tmp_path):
    site = Site(scenes / "ten.bin", scenes / "ten.tif")
    size = export(site, tmp_path / "out")
    written = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*.*")}
    assert set(written) == set(site.paths()) and sum(path.stat().st_size for path in written.values()) == size
    assert all(path.read_bytes() == part(site, name) for name, path in written.items())
    with pytest.raises(OutputError, match="exists"):
        export(site, tmp_path / "out")
    assert export(site, tmp_path / "out", overwrite=True) == size
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="choose another"):
        export(site, tmp_path / "mine", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "out"]


def test_a_link_to_an_export_is_refused_with_the_reason(scenes, tmp_path):
    site = Site(scenes / "rgb.bin")
    export(site, tmp_path / "out")
    try:
        (tmp_path / "link").symlink_to(tmp_path / "out", target_is_directory=True)
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(OutputError, match="cannot write .*link: .*symbolic link"):
        export(site, tmp_path / "link", overwrite=True)
