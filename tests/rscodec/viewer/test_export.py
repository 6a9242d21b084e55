"""The files that are written are those that are served."""

from __future__ import annotations

import pytest

from rscodec.bitstreams.errors import OutputError
from rscodec.viewer import export as export_module
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


def test_an_export_replaces_nothing_but_an_export(scenes, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    site = Site(scenes / "rgb.bin")
    export(site, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(OutputError, match=r"out has .*0\.bin, which the page would show"):
        export(Site(folder / "streams" / "0.bin"), folder, overwrite=True)
    monkeypatch.chdir(folder)
    with pytest.raises(OutputError, match="it is the current folder"):
        export(site, ".", overwrite=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export_module.Path, "rename", failing_once(export_module.Path.rename))
    with pytest.raises(OutputError, match="cannot write .*out: no space"):
        export(site, folder, overwrite=True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (folder / "scene.bin").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"out has scene\.bin, which no export"):
        export(site, folder, overwrite=True)
    assert (folder / "scene.bin").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def failing_once(rename):
    """`Path.rename` that fails where the new site would take its place."""

    def replaced(self, target):
        if self.name == "site":
            raise OSError(28, "no space")
        return rename(self, target)

    return replaced


def test_a_link_to_an_export_is_refused_with_the_reason(scenes, tmp_path):
    site = Site(scenes / "rgb.bin")
    export(site, tmp_path / "out")
    try:
        (tmp_path / "link").symlink_to(tmp_path / "out", target_is_directory=True)
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(OutputError, match="cannot write .*link: it is a symbolic link"):
        export(site, tmp_path / "link", overwrite=True)
