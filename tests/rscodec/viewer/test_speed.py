"""What the page takes for 4096 x 4096 pixels: time to a first picture, time of a tile, memory. It prints figures."""

from __future__ import annotations

import re

import pytest

import rscodec
from rscodec.synthetic.sample import synthesize
from tests.helpers import chromium
from tests.helpers.chromium import Browser

pytestmark = [pytest.mark.slow, pytest.mark.skipif(chromium.path() is None, reason="no chromium is on PATH")]

FIRST_PICTURE, TILE, MEMORY = 1.5, 3.0, 2**30  # seconds, seconds, bytes
TILES = """(async () => {
  const { Pool } = await import("/decoder/rscodec.js");
  const { streams } = await (await fetch("/viewer.json")).json();
  const weights = await (await fetch(`/${streams[0].weights}`)).arrayBuffer();
  const source = { url: new URL("/streams/0.bin", location).href };
  const pool = new Pool({ size: 1, setup: [["weights", weights], ["open", "a", source, {}]] });
  const seconds = [];
  await pool.run("about", "a");
  for (const col of [1024, 1536, 2048]) {
    const begin = performance.now();
    await pool.run("read", "a", { col, row: 1024, width: 512, height: 512 });
    seconds.push((performance.now() - begin) / 1000);
  }
  pool.end();
  return seconds;
})()"""


def peak_memory(browser: Browser) -> int:
    """The most bytes that a process of the browser that draws pages or runs workers had."""
    renderers = [one for one in browser.processes() if b"--type=renderer" in (one / "cmdline").read_bytes()]
    return max(1024 * int(re.search(r"VmHWM:\s+(\d+)", (one / "status").read_text())[1]) for one in renderers)


@pytest.mark.parametrize("settings", [{}, {"bands": 10, "dtype": "uint16", "nodata": 0}], ids=["rgb", "ten"])
def test_a_large_scene(serve, tmp_path, settings):
    pixels, metadata = synthesize(4096, **settings)
    stream = tmp_path / "a.bin"
    rscodec.Scene(pixels, metadata=metadata).save(tmp_path / "a.tif")
    rscodec.encode_file(tmp_path / "a.tif", stream, quality=4.0)
    with chromium.browser() as browser:
        browser.size(1280, 800)
        assert browser.open(serve(stream).address, 500) == "ready"
        first = browser.evaluate("performance.getEntriesByName('first picture')[0].startTime") / 1000
        tiles = browser.evaluate(TILES, 500)
        memory = peak_memory(browser)
    print(
        f"\nfirst picture {first:.2f} s; tiles {', '.join(f'{one:.2f}' for one in tiles)} s; {memory / 2**20:.0f} MiB"
    )
    assert first <= FIRST_PICTURE and min(tiles) <= TILE and memory <= MEMORY
