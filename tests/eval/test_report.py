"""The report in a real browser: what moves moves, what sorts sorts, and nothing complains."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time

import numpy as np
import pytest

from rscodec.eval import plots, rd, report
from rscodec.eval.datasets import images
from rscodec.eval.pictures import choose, parameter_for
from rscodec.raster.scene import Scene
from tests.helpers import chromium

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# What a visitor would do, and what the page then shows.
VISIT = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("load", () => {
  const seen = { errors, below: document.getElementById("below").naturalWidth };
  const act = (id, value, kind) => {
    const found = document.getElementById(id);
    if (value === true) found.checked = true; else found.value = value;
    found.dispatchEvent(new Event(kind));
  };
  const column = (at) => [...document.querySelectorAll("#times tbody tr")].map((row) => row.cells[at].textContent);
  const head = document.querySelectorAll("#times th")[1];
  head.click();
  seen.rising = column(1);
  head.click();
  seen.falling = column(1);
  act("zoom", "2", "input");
  const narrow = document.getElementById("stage").getBoundingClientRect().width;
  act("zoom", "4", "input");
  seen.zoom = document.getElementById("stage").getBoundingClientRect().width / narrow;
  act("difference", true, "change");
  seen.blend = getComputedStyle(document.getElementById("above")).mixBlendMode;
  act("metric", "psnr_db_of_mean_mse", "change");
  const dot = document.querySelector("#chart circle");
  dot.dispatchEvent(new PointerEvent("pointerenter", { clientX: 9, clientY: 9 }));
  seen.tip = document.getElementById("tip").textContent;
  seen.legend = document.getElementById("legend").textContent;
  seen.skipped = document.getElementById("skipped").textContent;
  const pre = document.createElement("pre");
  pre.id = "seen";
  pre.textContent = JSON.stringify(seen);
  document.body.append(pre);
});
</script>
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    (folder / "set").mkdir()
    for number in range(2):
        ramp = np.add.outer(np.arange(48), np.arange(64)) + rng.integers(0, 40, (3, 48, 64))
        Scene(ramp.astype(np.uint8)).save(folder / "set" / f"{number}.tif")
    found = images([str(folder / "set")])
    return folder, rd.rd(found, [], ["jpeg+10/30/60/90", "jpeg2000+40/20/10/5", "jpeg2000-klt"], folder / "out", jobs=2)


def test_curves_are_drawn(result):
    folder, found = result
    written = plots.write_curves(found.summary, folder / "out")
    assert [path.suffix for path in written] == [".png", ".svg"]
    assert all(path.stat().st_size > 5000 for path in written)


def test_the_report_is_one_file_without_a_network(result):
    folder, found = result
    text = report.write_report(found, folder / "out", 1).read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|url\(|@import|fetch\(""", text)
    assert "{{" not in text and "<noscript>" in text
    again = report.write_report(found, folder / "out", 1).read_text()
    assert again == text  # pictures come from the folder where they are kept


def test_data_cannot_end_its_element():
    html = report.page({"name": "</script><b>", "value": float("inf")})
    assert "</script><b>" not in html and '"value": null' in html


def test_the_report_in_a_browser(result):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        pytest.skip("no chromium on PATH: apt install chromium")
    folder, found = result
    page = report.write_report(found, folder / "out", 2)
    visit = folder / "visit.html"
    visit.write_text(page.read_text().replace("<head>", "<head>" + VISIT))
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--timeout=5000",
        "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
    ]
    run = subprocess.run([browser, *flags, visit.as_uri()], capture_output=True, text=True, timeout=120)
    seen = json.loads(re.search(r'<pre id="seen">(.*?)</pre>', run.stdout, re.DOTALL)[1].replace("&amp;", "&"))
    assert seen["errors"] == [] and "CONSOLE" not in run.stderr
    assert seen["below"] == 64
    rates = [float(text) for text in seen["rising"]]
    assert len(rates) == 2 and rates == sorted(rates)
    assert seen["falling"] == seen["rising"][::-1]
    assert seen["zoom"] == pytest.approx(2) and seen["blend"] == "difference"
    assert "bpp" in seen["tip"] and "PSNR of the mean MSE" in seen["tip"]
    assert "jpeg2000" in seen["legend"] and "more than three bands" in seen["skipped"]


# Where things are on the screen, in its pixels.
PLACES = """(() => {
  const box = (found) => found.getBoundingClientRect();
  const [split, stage, viewport] = ["split", "stage", "viewport"].map((id) => box(document.getElementById(id)));
  const cut = parseFloat(getComputedStyle(document.getElementById("above")).clipPath.split(" ")[1]);
  const scroll = document.querySelector("#deltas").parentElement;
  return {
    handle: [split.left + split.width / 2, split.top + split.height / 2], line: stage.right - cut,
    stage: stage.width, viewport: [viewport.left, viewport.width],
    page: document.documentElement.scrollWidth, text: box(document.querySelector("#chart text")).height,
    table: [scroll.clientWidth, scroll.scrollWidth], tableRight: box(scroll).right,
  };
})()"""


@pytest.mark.parametrize("width, height, mobile", [(1280, 900, False), (390, 844, True)])
def test_the_report_fits_on_screens(result, width, height, mobile):
    if not chromium.path():
        pytest.skip("no chromium on PATH: apt install chromium")
    folder, found = result
    page = report.write_report(found, folder / "out", 2)
    with chromium.browser() as browser:
        browser.size(width, height, mobile=mobile)
        browser.ask("Page.navigate", url=page.as_uri())
        deadline = time.monotonic() + 60
        while not browser.evaluate("document.readyState === 'complete' && !!document.getElementById('zoomed')?.value"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        first = browser.evaluate(PLACES)
        assert first["page"] <= width and first["text"] >= 12 and first["tableRight"] <= width
        assert first["table"][1] > first["table"][0] or not mobile
        for zoom in (1, 2, 8):
            browser.evaluate(
                f"document.getElementById('zoom').value = {zoom};"
                "document.getElementById('zoom').dispatchEvent(new Event('input'));"
                "document.getElementById('viewport').scrollLeft = 40; document.getElementById('split').scrollIntoView()"
            )
            time.sleep(0.1)
            places = browser.evaluate(PLACES)
            assert places["stage"] >= places["viewport"][1] - 0.5  # nothing dark beside the picture
            assert places["handle"][0] == pytest.approx(places["line"], abs=0.5)
        x, y = places["handle"][0], max(5, min(height - 5, places["handle"][1]))
        for kind, at in (("mousePressed", x), ("mouseMoved", x - 60), ("mouseReleased", x - 60)):
            browser.mouse(kind, at, y, button="left", buttons=1, clickCount=1)
        time.sleep(0.1)
        moved = browser.evaluate(PLACES)
        assert moved["handle"][0] == pytest.approx(x - 60, abs=1.5) == moved["line"]
        assert not browser.errors


def test_pictures_are_chosen_and_matched(result):
    _, found = result
    assert choose(found.rows, 9) == ["set/0.tif", "set/1.tif"]
    rows = [row for row in found.rows if row.image == "set/0.tif" and row.codec == "jpeg"]
    assert parameter_for(rows, rows[1].rate_bpp_file) == pytest.approx(rows[1].parameter)
    assert parameter_for(rows, 1e-3) == min(row.parameter for row in rows)
