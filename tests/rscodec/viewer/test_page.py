"""The page in a headless Chromium, on a desk and on a phone."""

from __future__ import annotations

import io
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rscodec
from rscodec.viewer.export import export
from rscodec.viewer.site import Asset, Site
from tests.helpers import chromium
from tests.helpers.chromium import Browser

pytestmark = pytest.mark.skipif(chromium.path() is None, reason="no chromium is on PATH")

DESK, PHONE = (1280, 800), (390, 844, 2, True)
STREAM = """
const { Pool } = await import("/decoder/rscodec.js");
const { streams } = await (await fetch("/viewer.json")).json();
const weights = await (await fetch(`/${streams[0].weights}`)).arrayBuffer();
const source = { url: new URL("/streams/0.bin", location).href };
const pool = new Pool({ size: 1, setup: [["weights", weights], ["open", "a", source, {}]] });
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.browser() as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Browser:
    browser.size(*DESK)
    return browser


def screen(page: Browser, tmp_path: Path) -> np.ndarray:
    """(rows, columns, 3) of what is seen of the scene."""
    whole = np.asarray(Image.open(io.BytesIO(page.picture(tmp_path / "screen.png"))).convert("RGB"))
    left, top, width, height, ratio = page.evaluate(
        "(({ left, top, width, height }) => [left, top, width, height, devicePixelRatio])"
        "(document.getElementById('map').getBoundingClientRect())"
    )
    rows, cols = ((int(first * ratio), int((first + size) * ratio)) for first, size in ((top, height), (left, width)))
    return whole[slice(*rows), slice(*cols)]


def message(page: Browser) -> str:
    return page.evaluate(
        "document.getElementById('message').hidden ? '' : document.getElementById('message').textContent"
    )


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", ["rgb", "ten"])
def test_a_scene_is_drawn(page, serve, scenes, tmp_path, name, size):
    """The middle of the screen is the middle of the scene, in its colours or stretched; nothing is wider than it."""
    page.size(*size)
    assert page.open(serve(scenes / f"{name}.bin").address) == "ready"
    assert page.errors == [] and message(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    seen = screen(page, tmp_path).astype(float)
    height, width = seen.shape[:2]
    middle = seen[height // 2 - 60 : height // 2 + 60, width // 2 - 60 : width // 2 + 60]
    assert middle.std() > 10
    if name == "rgb":
        scale = float(page.evaluate("document.getElementById('zoom').textContent.split(' ')[0]")) / 100
        reach = round(60 / scale / (2 if size is PHONE else 1))
        wanted = rscodec.Scene.load(scenes / "rgb.tif").pixels[:, 300 - reach : 300 + reach, 320 - reach : 320 + reach]
        assert np.abs(middle.mean((0, 1)) - wanted.mean((1, 2))).max() < 6
    else:  # bands called red, green and blue are chosen, and the collar shows the checkerboard
        chosen = page.evaluate("[...document.querySelectorAll('#panel select')].slice(1, 4).map((one) => one.value)")
        assert chosen == ["3", "2", "1"]
        assert {tuple(pixel) for pixel in seen[height // 2 - 4 :, width // 2 - 2 :].reshape(-1, 3)} >= {
            (255, 255, 255),
            (204, 204, 204),
        }


@pytest.mark.parametrize("name", ["rgb", "ten"])
def test_the_browser_decodes_as_the_codec_does(page, serve, scenes, name):
    page.open(serve(scenes / f"{name}.bin").address)
    crc, pixels = page.evaluate(
        f"(async () => {{ {STREAM} const {{ bands }} = await pool.run('read', 'a', "
        "{ col: 100, row: 120, width: 90, height: 80 });"
        "const crc = await pool.run('latents', 'a'); pool.end();"
        "return [crc, bands.map((band) => [...band])]; })()"
    )
    assert crc == rscodec.verify_file(scenes / f"{name}.bin").latents_crc32
    with rscodec.open(scenes / f"{name}.bin") as scene:
        wanted = scene.read((100, 120, 90, 80)).pixels
    assert np.abs(np.array(pixels).reshape(wanted.shape) - wanted.astype(float)).max() <= 1


def test_values_under_the_cursor(page, serve, scenes):
    page.open(serve(scenes / "ten.bin").address)
    page.evaluate("for (let i = 0; i < 3; i++) document.getElementById('in').click()")
    page.settle()
    page.mouse("mouseMoved", 480, 380)
    said = page.evaluate("document.getElementById('values').textContent")
    col, row = map(int, said.removeprefix("column, row ").split("x, y")[0].split(", "))
    with rscodec.open(scenes / "ten.bin") as scene:
        part = scene.read((col, row, 1, 1))
    a, _, c, _, e, f = part.metadata["transform"]
    assert f"x, y {c + a / 2:.1f}, {f + e / 2:.1f}" in said
    for name, value in zip(part.metadata["descriptions"], part.pixels[:, 0, 0].tolist(), strict=True):
        assert any(f"{name} {value + level}" in said for level in (-1, 0, 1)), (name, value, said)


def test_bands_stretch_and_keys_change_the_picture(page, serve, scenes, tmp_path):
    page.open(serve(scenes / "ten.bin").address)
    seen = [screen(page, tmp_path)]
    choose = (
        "((label, value) => { const row = [...document.querySelectorAll('#panel label')]"
        ".find((one) => one.textContent.startsWith(label)); const list = row.querySelector('select');"
        "list.value = value; list.dispatchEvent(new Event('change')); })"
    )
    by_hand = "const input = [...document.querySelectorAll('#panel input')].at(-1); input.value = 900;"
    by_hand += "input.dispatchEvent(new Event('change'))"
    choices = [("Red", "7"), ("Stretch", "'range'"), ("Show", "1"), ("Stretch", "'manual'")]
    for code in [*(f"{choose}('{label}', {value})" for label, value in choices), by_hand]:
        page.evaluate(f"{{ {code} }}")
        page.settle()
        seen.append(screen(page, tmp_path))
        assert "manual" in code or (seen[-1] != seen[-2]).any(), code  # by hand, it begins with what there was
    grey = seen[-1].max(-1) == seen[-1].min(-1)
    assert grey.mean() > 0.6
    before = page.evaluate("document.getElementById('zoom').textContent")
    for key in ("+", "ArrowLeft"):
        page.evaluate(f"document.getElementById('map').dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}' }}))")
        page.settle()
        seen.append(screen(page, tmp_path))
        assert (seen[-1] != seen[-2]).any(), key
    assert page.evaluate("document.getElementById('zoom').textContent") != before
    page.evaluate("document.getElementById('fit').click()")
    page.settle()
    assert page.evaluate("document.getElementById('zoom').textContent") == before


def test_a_handle_divides_stream_and_original(page, serve, scenes, tmp_path):
    page.open(serve(scenes / "rgb.bin", scenes / "rgb.tif").address)
    assert page.errors == [] and message(page) == ""
    middle = screen(page, tmp_path)
    place = page.evaluate("document.getElementById('split').getBoundingClientRect().left") + 22
    page.mouse("mousePressed", place, 300, button="left", clickCount=1)
    page.mouse("mouseMoved", 900, 300, button="left")
    page.mouse("mouseReleased", 900, 300, button="left", clickCount=1)
    page.settle()
    moved = screen(page, tmp_path)
    assert page.evaluate("document.getElementById('split').getAttribute('aria-valuenow')") == "94"
    assert (middle[:, 700:850] != moved[:, 700:850]).any() and (middle[:, :400] == moved[:, :400]).mean() > 0.99


def test_two_fingers_zoom(page, serve, scenes):
    page.size(*PHONE)
    page.open(serve(scenes / "rgb.bin").address)
    before = page.evaluate("document.getElementById('zoom').textContent")

    def touch(kind: str, *points: tuple[int, int]) -> None:
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        page.ask("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)

    touch("touchStart", (180, 400), (220, 400))
    for step in range(1, 9):
        touch("touchMove", (180 - 10 * step, 400), (220 + 10 * step, 400))
    touch("touchEnd")
    page.settle()
    before, after = (
        float(text.split()[0]) for text in (before, page.evaluate("document.getElementById('zoom').textContent"))
    )
    assert after > 2 * before


def test_a_folder_is_a_list(page, serve, scenes, tmp_path):
    for name in ("rgb.bin", "ten.bin"):
        (tmp_path / name).write_bytes((scenes / name).read_bytes())
    (tmp_path / "cut.bin").write_bytes((scenes / "rgb.bin").read_bytes()[:50])
    page.open(serve(tmp_path).address)
    rows = page.evaluate("[...document.querySelectorAll('#streams li')].map((row) => row.textContent)")
    assert [row.split(".bin")[0] for row in rows] == ["cut", "rgb", "ten"] and "Truncated" in rows[0]
    assert page.open(f"{page.evaluate('location.href')}?stream=0") == "failed"
    assert message(page).startswith("Truncated: the stream ends")
    page.evaluate("document.getElementById('list').click()")
    page.settle()
    page.evaluate("document.querySelectorAll('#streams a')[0].click()")
    assert page.settle() == "ready" and page.evaluate("document.title") == "rgb.bin"


def damaged(data: bytes, *at: int) -> bytes:
    changed = bytearray(data)
    for place in at:
        changed[place] ^= 0xFF
    return bytes(changed)


def claiming(data: bytes, width: int, height: int) -> bytes:
    """A header that claims another size, with its checksum made right."""
    start, sizes = data[:18], struct.pack("<2I", width, height)
    with rscodec.bitstreams.StreamReader.from_bytes(data) as reader:
        end = reader.parts["index"][0] - 4
    header = start + sizes + data[26:end]
    return header + struct.pack("<I", zlib.crc32(header)) + data[end + 4 :]


HOSTILE = {
    "no stream": (lambda data: b"GIF89a" * 100, "NotAStream"),
    "nothing": (lambda data: b"", "NotAStream"),
    "cut": (lambda data: data[:50], "Truncated"),
    "newer": (lambda data: data[:4] + b"\x09" + data[5:], "FutureVersion"),
    "header": (lambda data: damaged(data, 20), "HeaderDamaged"),
    "a huge scene": (lambda data: claiming(data, 2**19, 2**18), "Truncated"),
    "a scene beyond the limits": (lambda data: claiming(data, 2**31, 9), "LimitExceeded"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_stream_is_a_named_message(page, serve, scenes, kind):
    change, name = HOSTILE[kind]
    server = serve(scenes / "rgb.bin")
    data = change((scenes / "rgb.bin").read_bytes())
    server.site.assets["streams/0.bin"] = Asset("", len(data), lambda offset, length: data[offset : offset + length])
    assert page.open(server.address, 30) == "failed"
    assert message(page).startswith(f"{name}: ")
    assert page.evaluate("document.body.dataset.state") == "failed"  # it answers


def test_a_damaged_tile_is_marked_and_the_others_are_drawn(page, serve, scenes, tmp_path):
    data = (scenes / "rgb.bin").read_bytes()
    (tmp_path / "a.bin").write_bytes(damaged(data, len(data) - 9))
    assert page.open(serve(tmp_path / "a.bin").address) == "ready"
    assert message(page).startswith("TileDamaged: tile (1, 1)")
    assert "tile (1, 1)" in page.evaluate("document.querySelector('.damage').textContent")
    seen = screen(page, tmp_path).astype(int)
    height, width = seen.shape[:2]
    corner = seen[height - 60 : height - 50, width // 2 + 300 : width // 2 + 320]
    assert (corner[..., 0] > corner[..., 1] + 40).mean() > 0.9
    assert seen[100:300, 300:500].std() > 10


def test_a_file_that_is_dropped_is_shown(page, serve, scenes):
    page.open(serve(scenes / "rgb.bin").address)
    page.evaluate(
        "(async () => { const data = await (await fetch('/streams/0.bin')).blob(); const items = new DataTransfer();"
        "items.items.add(new File([data], 'mine.bin'));"
        "document.dispatchEvent(new DragEvent('drop', { dataTransfer: items, cancelable: true })); })()"
    )
    assert page.settle() == "ready" and message(page) == ""
    assert page.evaluate("document.title") == "mine.bin"


BLOCKS = """
const { Blocks } = await import("/page/blocks.js");
const answers = [];
const layer = { width: 900, height: 900, free: 1, edge: () => 300, stages: () => [{ factor: 1, groups: 1 }],
                windows: () => ({}), end() { this.ended = true; }, load() {
  this.free = 0;
  return new Promise((resolve) => answers.push(() => { this.free = 1; resolve({ bands: [] }); }));
} };
const blocks = new Blocks(layer, () => {});
const answer = async () => { answers.at(-1)(); await new Promise((resolve) => setTimeout(resolve)); };
"""


def test_blocks_that_ended_request_nothing_more(page, serve, scenes):
    page.open(serve(scenes / "rgb.bin").address)
    found = page.evaluate(
        f"(async () => {{ {BLOCKS} blocks.look({{ row: 0, col: 0, width: 900, height: 900 }}, 1);"
        "await answer(); const before = answers.length;"
        "blocks.end(); await answer(); return [before, answers.length, layer.ended]; })()"
    )
    assert found == [2, 2, True]


def test_a_large_tile_of_many_bands_is_shown_whole(page, serve, tmp_path):
    """With a bound, a block is a whole tile, here of more than 2**24 samples."""
    scene = rscodec.Scene(np.zeros((8, 1536, 1536), np.uint8), metadata={"nodata": "0"})
    (tmp_path / "a.bin").write_bytes(rscodec.encode(scene, quality=1.0, max_error=1, tile=1536, threads=1))
    assert page.open(serve(tmp_path / "a.bin").address) == "ready"
    assert message(page) == ""


def test_generated_pixels_are_marked(page, serve, scenes, tmp_path):
    scene = rscodec.Scene.load(scenes / "rgb.tif")
    tags = {"synthetic": "yes", "synthetic_bands": "1,2,3", "synthetic_model": "<b>e2diff-1</b>"}
    scene.metadata["tags"] = {"": tags}
    (tmp_path / "a.bin").write_bytes(rscodec.encode(scene, quality=2.0, threads=1))
    page.open(serve(tmp_path / "a.bin").address)
    assert page.evaluate("document.getElementById('generated').hidden") is False
    assert "bands 1, 2, 3 by <b>e2diff-1</b>" in page.evaluate("document.getElementById('panel').textContent")
    page.mouse("mouseMoved", 480, 380)
    assert page.evaluate("document.getElementById('values').textContent").count("(generated)") == 3


class Silent(SimpleHTTPRequestHandler):
    """A web server without range requests."""

    def log_message(self, *_: object) -> None:
        pass


def test_an_export_works_on_any_server_and_in_any_folder(page, scenes, tmp_path):
    site = Site(scenes / "ten.bin", scenes / "ten.tif")
    (tmp_path / "some").mkdir()
    export(site, tmp_path / "some" / "where")
    site.close()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        assert page.open(f"http://127.0.0.1:{server.server_port}/some/where/") == "ready"
        assert page.errors == [] and message(page) == ""
        server.shutdown()
    assert json.loads((tmp_path / "some" / "where" / "viewer.json").read_text())["against"]["name"] == "ten.tif"


def test_what_could_not_be_had_is_asked_for_again(page, serve, scenes):
    server = serve(scenes / "rgb.bin")
    site, whole = server.site, server.site.find("streams/0.bin")

    def read(offset: int, length: int) -> bytes:
        if offset >= 4096:  # behind the header
            raise rscodec.bitstreams.errors.InputError("the network is away")
        return whole.read(offset, length)

    site.assets["streams/0.bin"] = Asset(whole.kind, whole.size, read)
    assert page.open(server.address) == "ready"
    assert message(page).startswith("InputError: cannot read") and "502" in message(page)
    site.assets["streams/0.bin"] = whole
    page.evaluate("document.getElementById('message').click()")
    assert page.settle() == "ready" and message(page) == ""
    page.mouse("mouseMoved", 480, 380)
    assert "band 1" in page.evaluate("document.getElementById('values').textContent")


def test_metadata_of_any_form_is_text(page, serve, scenes):
    """A stream may say anything in its metadata; a reader in a browser knows no schema."""
    hostile = {"colorinterp": 7, "descriptions": {"0": [1]}, "tags": {"": None, "a": {"<img src=x>": {"b": 1}}}}
    hostile |= {"transform": "none", "other": ["<script>alert(1)</script>"] * 3000}
    data = (scenes / "rgb.bin").read_bytes()
    with rscodec.bitstreams.StreamReader.from_bytes(data) as reader:
        (at, size), (index, _) = reader.parts.get("radiometry", (0, 0)), reader.parts["index"]
    packed = zlib.compress(json.dumps(hostile, sort_keys=True).encode())
    length = bytes([len(packed) & 127 | 128, len(packed) >> 7])
    header = data[:31] + length + packed + data[at : at + size]
    changed = header + struct.pack("<I", zlib.crc32(header)) + data[index:]
    server = serve(scenes / "rgb.bin")
    server.site.assets["streams/0.bin"] = Asset("", len(changed), lambda at, count: changed[at : at + count])
    assert page.open(server.address) == "ready"
    assert page.errors == [] and message(page) == ""
    assert "<script>alert(1)</script>" in page.evaluate("document.getElementById('panel').textContent")
    assert page.evaluate("document.querySelectorAll('#panel img, #panel script').length") == 0
