"""What a user may name as the scenes of a batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rscodec.batch.inputs import Input, find_inputs
from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.wire import MAGIC


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("b.tif", "a.tif", "deep/er/c.tif", "[odd].tif"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return tmp_path


def names(*inputs: str, **options) -> list[str]:
    return [item.name for item in find_inputs(inputs, **options)]


def test_files_come_as_named_and_patterns_sorted(folder):
    assert names("b.tif", "?.tif") == ["b", "a"]
    assert names("**/*.tif") == ["[odd]", "a", "b", "c"]
    assert find_inputs(["a.tif"]) == [Input(str(folder / "a.tif"), "a")]


def test_a_folder_means_its_images_or_its_streams(folder):
    for name in ("deep/notes.md", "deep/x.JP2", "deep/x.JP2.aux.xml", "deep/y.tif"):
        Path(name).touch()
    for name in ("deep/s.bin", "deep/t.tif"):
        Path(name).write_bytes(MAGIC)
    assert names("deep") == ["x", "y"] and names("deep", streams=True) == ["s", "t"]
    assert find_inputs(["deep"])[0] == Input(str(folder / "deep/x.JP2"), "x")
    with pytest.raises(InputError, match="no image .*in the folder deep/er/empty; .*pattern"):
        (folder / "deep/er/empty").mkdir()
        find_inputs(["deep/er/empty"])
    with pytest.raises(InputError, match="no compressed file in the folder deep/er;"):
        find_inputs(["deep/er"], streams=True)


def test_a_name_with_brackets_is_a_name_first(folder):
    assert names("[odd].tif") == ["[odd]"]


def test_what_is_not_there_is_left_to_the_run(folder):
    assert names("nowhere.tif") == ["nowhere"]


def test_a_pattern_without_a_match_is_an_error(folder):
    with pytest.raises(InputError, match="nothing matches"):
        find_inputs(["*.png"])


def test_a_url_stays_as_it_is():
    assert find_inputs(["https://host/a/scene.tif"]) == [Input("https://host/a/scene.tif", "scene")]


def test_a_url_is_named_by_its_path():
    assert names("https://host/a/scene.tif?key=a/b.c#d", "s3://bucket/b.bin") == ["scene", "b"]


@pytest.mark.parametrize("url", ["vrt://a.tif?bands=1", "https://host/", "s3://bucket"])
def test_a_url_without_a_name_is_refused(url):
    with pytest.raises(InputError, match="would have no name; give it one as the id of a STAC item"):
        find_inputs([url])


def test_what_is_no_url_is_named():
    with pytest.raises(InputError, match=r"https://\[host/a.tif is not a URL"):
        find_inputs(["https://[host/a.tif"])


def test_a_list_has_a_path_or_pattern_a_line(folder):
    Path("list.txt").write_text("# scenes\n\n  b.tif\ndeep/**/*.tif\n")
    assert names("list.txt") == ["b", "c"]


def test_paths_in_a_list_are_relative_to_the_current_folder(folder):
    Path("deep/list.txt").write_text("b.tif\n?.tif\n")
    assert find_inputs(["deep/list.txt"]) == [Input(str(folder / "b.tif"), "b"), Input(str(folder / "a.tif"), "a")]


def test_a_list_may_begin_with_a_byte_order_mark(folder):
    Path("list.txt").write_text("b.tif\n", encoding="utf-8-sig")
    assert names("list.txt") == ["b"]


def test_a_name_that_is_too_long_is_left_to_the_run(folder):
    Path("list.txt").write_text(f"a.tif\n{'x' * 300}.tif\n")
    assert names("list.txt") == ["a", "x" * 300]
    with pytest.raises(InputError, match="nothing matches"):
        find_inputs([f"{'x' * 300}*"])
    Path("item.json").write_text(json.dumps(item("y", image=asset("x" * 300))))
    assert names("item.json") == ["y"]


def test_a_list_with_a_nul_is_no_list_of_names(folder):
    Path("list.txt").write_text("a.tif\nb\0.tif\n")
    with pytest.raises(InputError, match="holds a NUL"):
        find_inputs(["list.txt"])


def test_a_list_that_is_not_there_is_named(folder):
    with pytest.raises(InputError, match="nowhere.txt"):
        find_inputs(["nowhere.txt"])


def test_a_pattern_may_be_of_lists(folder):
    for name, content in {"one.txt": "a.tif", "two.txt": "b.tif\n[odd].tif"}.items():
        Path(name).write_text(content)
    assert names("*.txt") == ["a", "b", "[odd]"]


def test_a_list_that_names_itself_is_an_error(folder):
    Path("one.txt").write_text("a.tif\ntwo.txt")
    Path("two.txt").write_text("one.tx?")
    with pytest.raises(InputError, match="one.txt names itself"):
        find_inputs(["one.txt"])
    Path("two.txt").write_text("b.tif")
    assert names("one.txt", "two.txt") == ["a", "b"]


@pytest.mark.parametrize(
    "name, content",
    [
        ("list.txt", "# nothing yet\n\n"),
        ("items.json", '{"type": "FeatureCollection", "features": []}'),
    ],
)
def test_a_list_of_nothing_is_an_error(folder, name, content):
    Path(name).write_text(content)
    with pytest.raises(InputError, match=f"{name}: there is no scene"):
        find_inputs([name])
    assert names("a.tif", name) == ["a"]


def test_two_inputs_of_one_name_are_an_error(folder):
    (folder / "deep/a.tif").touch()
    with pytest.raises(InputError, match="deep/a.tif would all become a"):
        find_inputs(["a.tif", "deep/a.tif"])


def test_a_file_that_is_named_twice_is_one_input(folder):
    (folder / "link").symlink_to(folder / "deep", target_is_directory=True)
    twice = ["a.tif", f"../{folder.name}/a.tif", "link/../a.tif", "deep/er/c.tif", "link/er/c.tif"]
    assert find_inputs(twice) == [(str(folder / "a.tif"), "a"), (str(folder / "deep/er/c.tif"), "c")]


def test_a_folder_above_a_link_is_that_of_its_target(folder):
    (folder / "link").symlink_to(folder / "deep/er", target_is_directory=True)
    (folder / "deep/a.tif").touch()
    with pytest.raises(InputError, match="would all become a"):
        find_inputs(["a.tif", "link/../a.tif"])


def item(name: str, **assets) -> dict:
    return {"type": "Feature", "stac_version": "1.0.0", "id": name, "assets": assets}


def asset(href: str, role: str = "data", kind: str = "image/tiff") -> dict:
    return {"href": href, "roles": [role], "type": kind}


def test_a_stac_item_collection_names_an_asset_of_each_item(folder):
    items = [
        item("x/1", image=asset("deep/x.tif"), small=asset("x.png", "thumbnail")),
        item("y", image=asset("https://host/y.tif"), rscodec=asset("y.bin", kind="application/x-rscodec")),
    ]
    Path("items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    assert find_inputs(["items.json"]) == [(str(folder / "deep/x.tif"), "x_1"), ("https://host/y.tif", "y")]
    assert find_inputs(["items.json"], "image")[1].path == "https://host/y.tif"


def test_the_streams_of_a_stac_item_are_those_to_decode(folder):
    both = item("y", image=asset("y.tif"), rscodec=asset("y.bin", kind="application/x-rscodec"))
    Path("item.json").write_text(json.dumps(both))
    assert find_inputs(["item.json"], streams=True) == [(str(folder / "y.bin"), "y")]


def test_a_file_url_is_a_path(folder):
    Path("item.json").write_text(json.dumps(item("x", image=asset("file:///a%20b/c.tif"))))
    assert find_inputs(["item.json"]) == [("/a b/c.tif", "x")]


def test_an_href_may_be_quoted_as_in_a_url_or_not(folder):
    for name in ("a b.tif", "c%20d.tif"):
        Path(name).touch()
    items = [item(name, image=asset(href)) for name, href in (("x", "a%20b.tif"), ("y", "a b.tif"), ("z", "c%20d.tif"))]
    Path("items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    assert [Path(path).name for path, _ in find_inputs(["items.json"])] == ["a b.tif", "a b.tif", "c%20d.tif"]


def test_an_asset_may_have_no_roles(folder):
    Path("item.json").write_text(json.dumps(item("x", image=asset("x.tif"), other={"href": "y.tif", "roles": None})))
    assert find_inputs(["item.json"]) == [(str(folder / "x.tif"), "x")]


@pytest.mark.parametrize(
    "content, key, words",
    [
        (json.dumps(item("x", a={"roles": ["data"]})), None, "asset a of the item x has no href"),
        (json.dumps(item("x", a={"href": None})), "a", "asset a of the item x has no href"),
        ("{", None, "cannot read"),
        ("[]", None, "not a STAC item"),
        ('{"type": "Catalog"}', None, "not a STAC item"),
        (json.dumps(item("x", a=asset("a"), b=asset("b"))), None, "choose with `asset` from a, b"),
        (json.dumps(item("x", a=asset("a"))), "c", "no asset c"),
        (json.dumps(item("x", a="a.tif")), None, "not a STAC item"),
        (json.dumps(item("x\0", a=asset("a"))), None, "holds a NUL"),
        (json.dumps(item("x", a=asset("a\0"))), None, "holds a NUL"),
        (json.dumps(item("x", a=asset("a%00"))), None, "holds a NUL"),
        (json.dumps(item("x\ud800", a=asset("a"))), None, "half a surrogate pair"),
        (json.dumps(item("x", a=asset("a\ud800"))), None, "half a surrogate pair"),
        (json.dumps(item("", a=asset("a"))), None, "would have no name"),
        (json.dumps(item("x", a={"href": "a", "roles": 5})), None, "0 assets with the role data"),
        ('{"type": "FeatureCollection", "features": ["x"]}', None, "not a STAC item"),
        ('{"type": "FeatureCollection", "features": 1}', None, "no scene"),
    ],
)
def test_an_item_without_one_asset_to_take_is_named(folder, content, key, words):
    Path("item.json").write_text(content)
    with pytest.raises(InputError, match=words):
        find_inputs(["item.json"], key)
