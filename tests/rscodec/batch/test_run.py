"""Many scenes: the plan, the report, what is kept and what is not, and that workers make no difference."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import rscodec
from rscodec.batch import run as batch
from rscodec.batch.inputs import Input, find_inputs
from rscodec.batch.report import Row
from rscodec.batch.run import Work
from rscodec.bitstreams.errors import InputError, MissingWeights, OutputError
from rscodec.concurrency.executors import LocalExecutor, executor_for
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize

OPTIONS = {"model": "vec", "tile": 64, "quality": 5.0}
REPORT = "encode-report.csv"


def write_scenes(folder: Path, count: int, size: int = 96) -> list:
    folder.mkdir()
    for number in range(count):
        pixels, metadata = synthesize(size, 3, ("uint8", "uint16")[number % 2], seed=number)
        Scene(pixels, None, metadata).save(folder / f"{number:02}.tif")
    return find_inputs([str(folder / "*.tif")])


@pytest.fixture
def scenes(tmp_path) -> list:
    return write_scenes(tmp_path / "in", 3)


@pytest.fixture
def work(tiny_weights) -> Work:
    return Work("encode", OPTIONS | {"weights": tiny_weights})


def status(rows) -> list[str]:
    return [row.status for row in rows]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".csv"}


def test_each_output_is_what_encode_file_makes(scenes, work, tmp_path, tiny_weights):
    told = []
    rows = batch.run(
        work, scenes, tmp_path / "out", LocalExecutor(), progress=lambda done, total: told.append((done, total))
    )
    assert status(rows) == ["done"] * 3 and told == [(1, 3), (2, 3), (3, 3)]
    for scene, row in zip(scenes, rows, strict=True):
        alone = tmp_path / "alone.bin"
        rscodec.encode_file(scene.path, alone, weights=tiny_weights, overwrite=True, threads=1, **OPTIONS)
        assert Path(row.output).read_bytes() == alone.read_bytes() and row.bytes == alone.stat().st_size


def test_the_report_has_a_row_for_each_scene_in_order(scenes, work, tmp_path):
    rows = batch.run(work, scenes, tmp_path / "out", LocalExecutor())
    with (tmp_path / "out" / REPORT).open(newline="") as file:
        report = list(csv.DictReader(file))
    assert [row["input"] for row in report] == [scene.path for scene in scenes]
    assert [row["sha256"] for row in report] == [row.sha256 for row in rows] and report[0]["width"] == "96"


def test_a_round_trip_of_folders(scenes, work, tmp_path, tiny_weights):
    batch.run(work, scenes, tmp_path / "out", LocalExecutor())
    streams = find_inputs([str(tmp_path / "out" / "*.bin")], streams=True)
    rows = batch.run(
        Work("decode", {"weights": tiny_weights, "driver": "COG"}), streams, tmp_path / "back", LocalExecutor()
    )
    assert status(rows) == ["done"] * 3
    assert all(not rscodec.validate_files(a.path, row.output) for a, row in zip(scenes, rows, strict=True))


def test_a_failure_is_reported_and_stops_nothing(scenes, work, tmp_path):
    Path(scenes[1].path).write_bytes(b"no image")
    rows = batch.run(work, scenes, tmp_path / "out", LocalExecutor())
    assert status(rows) == ["done", "failed", "done"]
    assert rows[1].exit_code == 3 and scenes[1].path in rows[1].message
    assert sorted(contents(tmp_path / "out")) == ["00.bin", "02.bin"]


def test_an_unexpected_failure_is_one_too(scenes, work, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("rscodec.api.encode_file", broken)
    rows = batch.run(work, scenes[:1], tmp_path / "out", LocalExecutor())
    assert (rows[0].status, rows[0].exit_code) == ("failed", 1) and "ZeroDivisionError" in rows[0].message


@pytest.mark.parametrize("path, name, code, words", [
    ("{}", "x" * 260, 7, "File name too long"),
    ("/nowhere/\udce9.tif", "x", 3, r"/nowhere/\\udce9.tif: this name is not UTF-8"),
    ("{}", "\udce9", 3, r"\\udce9.bin: this name is not UTF-8"),
])  # fmt: skip
def test_a_name_that_cannot_be_used_stops_nothing(scenes, work, tmp_path, path, name, code, words):
    inputs = [Input(path.format(scenes[0].path), name), *scenes[1:]]
    for done in ("done", "kept"):
        rows = batch.run(work, inputs, tmp_path / "out", LocalExecutor(), resume=True)
        assert status(rows) == ["failed", done, done] and rows[0].exit_code == code
        assert re.search(words, rows[0].message)
        assert len((tmp_path / "out" / REPORT).read_text(encoding="utf-8").splitlines()) == 4


def made(folder: Path) -> dict[str, int]:
    """What makes a file another one, though its bytes are the same."""
    return {path.name: path.stat().st_ino for path in folder.glob("*.bin")}


def test_resume_makes_what_is_missing_and_nothing_else(scenes, work, tmp_path):
    out = tmp_path / "out"
    batch.run(work, scenes, out, LocalExecutor())
    before, expected = made(out), contents(out)
    (out / "01.bin").unlink()
    rows = batch.run(work, scenes, out, LocalExecutor(), resume=True)
    assert status(rows) == ["kept", "done", "kept"] and contents(out) == expected
    assert {name for name, inode in made(out).items() if before[name] == inode} >= {"00.bin", "02.bin"}


@pytest.mark.parametrize("change", ["input", "cut"])
def test_resume_makes_again_what_changed(scenes, work, tmp_path, change):
    out = tmp_path / "out"
    expected = batch.run(work, scenes, out, LocalExecutor())[0].sha256
    if change == "input":
        os.utime(scenes[0].path, ns=(1, 1))
    else:
        (out / "00.bin").write_bytes(b"cut")
    rows = batch.run(work, scenes, out, LocalExecutor(), resume=True)
    assert status(rows) == ["done", "kept", "kept"] and rows[0].sha256 == expected


def test_resume_sees_that_a_file_behind_a_vrt_changed(scenes, work, tmp_path):
    mosaic = tmp_path / "mosaic.vrt"
    bands = "".join(
        f"<VRTRasterBand dataType='Byte' band='{band}'><SimpleSource><SourceFilename>{scenes[0].path}</SourceFilename>"
        f"<SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
        for band in (1, 2, 3)
    )
    mosaic.write_text(f"<VRTDataset rasterXSize='96' rasterYSize='96'>{bands}</VRTDataset>")
    inputs, out = [Input(str(mosaic), "mosaic")], tmp_path / "out"
    for changed, expected in ((False, "done"), (False, "kept"), (True, "done")):
        if changed:
            os.utime(scenes[0].path, ns=(1, 1))
        assert status(batch.run(work, inputs, out, LocalExecutor(), resume=True)) == [expected]


def test_resume_goes_on_from_a_report_that_was_cut_off(scenes, work, tmp_path):
    """As a killed client leaves it: outputs that are there but not recorded, and a torn last line."""
    out = tmp_path / "out"
    batch.run(work, scenes, out, LocalExecutor())
    expected, report = contents(out), out / REPORT
    lines = report.read_text().splitlines(keepends=True)
    planned = [line.replace(",done,", ",planned,") for line in lines[1:]]
    report.write_text("".join([lines[0], *planned, lines[1], lines[2][:40]]))
    rows = batch.run(work, scenes, out, LocalExecutor(), resume=True)
    assert status(rows) == ["kept", "done", "done"] and contents(out) == expected


@pytest.mark.parametrize("change", [None, "cut"])
def test_resume_repeats_the_failure_of_an_output_with_lost_tiles(scenes, work, tmp_path, tiny_weights, flip, change):
    """Also when the output is no longer what was written: then it is made again, and fails again."""
    batch.run(work, scenes[:1], tmp_path / "out", LocalExecutor())
    stream, out, back = tmp_path / "out" / "00.bin", tmp_path / "back", tmp_path / "back" / "00.tif"
    stream.write_bytes(flip(stream.read_bytes(), 0, 0, 0))
    decode = Work("decode", {"weights": tiny_weights, "on_error": "nodata"})
    (first,) = batch.run(decode, find_inputs([str(stream)]), out, LocalExecutor())
    written = back.read_bytes()
    if change:
        back.write_bytes(b"cut")
    (row,) = batch.run(decode, find_inputs([str(stream)]), out, LocalExecutor(), resume=True)
    assert (row.status, row.exit_code, row.message) == ("failed", 4, first.message) and row.sha256 == first.sha256
    assert back.read_bytes() == written


@pytest.mark.parametrize("one, other", [
    ({"bands": (1, 2, 3, 4)}, {"bands": (1, 3, 2, 4)}),
    ({"creation_options": {"A": "1", "B": "2"}}, {"creation_options": {"A": "2", "B": "1"}}),
])  # fmt: skip
def test_the_same_words_in_another_order_are_other_settings(one, other):
    row = Row("a", "b", "done", settings=Work("decode", one).described())
    assert batch.retold(row, "decode", Work("decode", other).described()) == row
    assert batch.retold(row, "decode", Work("decode", one | {"on_error": "stop"}).described()) != row
    older = replace(row, settings=Work("decode", one | {"fast": False}).described())  # an option that there was
    assert batch.retold(older, "decode", row.settings) == row
    assert batch.retold(replace(row, settings="bands=3"), "decode", "{}").settings == "bands=3"


@pytest.mark.parametrize("change", [{"quality": 4.0}, {"tile": 128}, {"bands": (1, 2)}])
def test_other_settings_are_never_taken_for_these(scenes, work, tmp_path, change):
    out = tmp_path / "out"
    batch.run(work, scenes, out, LocalExecutor())
    other, before = Work("encode", work.options | change), contents(out)
    with pytest.raises(OutputError, match="other settings"):
        batch.run(other, scenes, out, LocalExecutor(), resume=True)
    assert contents(out) == before
    assert status(batch.run(other, scenes, out, LocalExecutor(), resume=True, overwrite=True)) == ["done"] * 3


@pytest.mark.parametrize("verb, new", [
    ("encode", {"balance": False}), ("encode", {"effort": 0, "balance": False}), ("decode", {"on_error": "stop"}),
])  # fmt: skip
def test_a_report_from_before_there_was_a_setting(scenes, work, tmp_path, tiny_weights, verb, new):
    """It does not name it, and means its default, nothing else."""
    inputs, options = scenes, work.options
    if verb == "decode":
        batch.run(work, scenes, tmp_path / "streams", LocalExecutor())
        inputs = find_inputs([str(tmp_path / "streams" / "*.bin")], streams=True)
        options = {"weights": tiny_weights, "driver": "GTiff"}
    out = tmp_path / "out"
    batch.run(Work(verb, options), inputs, out, LocalExecutor())
    assert not any(f'"{name}"' in (out / f"{verb}-report.csv").read_text() for name in new)
    other = Work(verb, options | new | {[*new][-1]: True})
    with pytest.raises(OutputError, match="other settings"):
        batch.run(other, inputs, out, LocalExecutor(), resume=True)
    rows = batch.run(Work(verb, options | new), inputs, out, LocalExecutor(), resume=True)
    assert status(rows) == ["kept"] * 3
    assert status(batch.run(Work(verb, options | new), inputs, out, LocalExecutor(), resume=True)) == ["kept"] * 3


def test_other_weights_are_other_settings(scenes, work, tmp_path):
    from tests.helpers import models

    another = models.write(tmp_path / "vec-1.safetensors", seed=1)
    assert Work("encode", work.options | {"weights": another}).described() != work.described()


def test_a_report_is_not_begun_again_unasked(scenes, work, tmp_path):
    batch.run(work, scenes, tmp_path / "out", LocalExecutor())
    with pytest.raises(OutputError, match="`resume=True`"):
        batch.run(work, scenes, tmp_path / "out", LocalExecutor())
    assert status(batch.run(work, scenes, tmp_path / "out", LocalExecutor(), overwrite=True)) == ["done"] * 3


@pytest.mark.parametrize("resume", [False, True])
def test_a_file_of_somebody_else_is_left_alone(scenes, work, tmp_path, resume):
    out = tmp_path / "out"
    out.mkdir()
    (out / "01.bin").write_bytes(b"precious")
    for _ in range(1 + resume):  # a failure on record gives no right to it
        rows = batch.run(work, scenes, out, LocalExecutor(), resume=resume)
        assert rows[1].status == "failed" and rows[1].exit_code == 7
        assert (out / "01.bin").read_bytes() == b"precious"


@pytest.mark.parametrize("change", [{}, {"quality": 2.0}])
def test_an_output_whose_scene_failed_once_is_made_again(scenes, work, tmp_path, change):
    """The earlier run wrote the output, or had leave to replace it."""
    scene, out, alone = Path(scenes[0].path), tmp_path / "out", tmp_path / "alone.bin"
    batch.run(work, scenes, out, LocalExecutor())
    other, image = Work("encode", work.options | change), scene.read_bytes()
    scene.write_bytes(b"no image")
    for again in ({"resume": True, "overwrite": bool(change)}, {"resume": True}):
        (failed, *_) = batch.run(other, scenes, out, LocalExecutor(), **again)
        assert (failed.status, failed.exit_code, failed.sha256) == ("failed", 3, "")
        assert failed.bytes == (out / "00.bin").stat().st_size
    scene.write_bytes(image)
    rows = batch.run(other, scenes, out, LocalExecutor(), resume=True)
    assert status(rows) == ["done", "kept", "kept"]
    rscodec.encode_file(scene, alone, threads=1, **other.options)
    assert (out / "00.bin").read_bytes() == alone.read_bytes()


def test_an_output_of_a_run_that_could_not_finish_its_row_is_made_again(scenes, work, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as broken:
        broken.setattr(batch, "sha256", refused(batch.sha256))
        assert status(batch.run(work, scenes[:1], out, LocalExecutor())) == ["failed"]
    assert status(batch.run(work, scenes[:1], out, LocalExecutor(), resume=True)) == ["done"]


def refused(function):
    """The function, with an error for streams."""

    def call(path):
        if str(path).endswith(".bin"):
            raise OSError("Stale file handle")
        return function(path)

    return call


def test_a_file_that_came_after_a_failure_is_left_alone(scenes, work, tmp_path):
    scene, out = Path(scenes[0].path), tmp_path / "out"
    image = scene.read_bytes()
    scene.write_bytes(b"no image")
    batch.run(work, scenes, out, LocalExecutor())
    scene.write_bytes(image)
    (out / "00.bin").write_bytes(b"precious")
    (row, *_) = batch.run(work, scenes, out, LocalExecutor(), resume=True)
    assert row.exit_code == 7 and (out / "00.bin").read_bytes() == b"precious"


def test_a_second_run_at_once_is_refused(scenes, work, tmp_path):
    pytest.importorskip("fcntl")
    out, refusals = tmp_path / "out", []

    def run_another(done: int, total: int) -> None:
        with pytest.raises(OutputError, match="another run writes .*encode-report.csv: wait") as refusal:
            batch.run(work, scenes[2:], out, LocalExecutor(), resume=True)
        refusals.append(refusal)

    assert status(batch.run(work, scenes[:2], out, LocalExecutor(), progress=run_another)) == ["done"] * 2
    assert len(refusals) == 2
    assert status(batch.run(work, scenes, out, LocalExecutor(), resume=True)) == ["kept", "kept", "done"]


def test_what_killed_workers_left_is_removed(scenes, work, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    left, others = out / ".00.bin.4711-00c0ffee-9f3c2a10.part", out / ".other.bin.4711-00c0ffee-9f3c2a10.part"
    left.mkdir(), others.mkdir()
    batch.run(work, scenes, out, LocalExecutor())
    assert not left.exists() and others.exists()


def test_missing_weights_are_known_before_the_work(scenes, tmp_path):
    with pytest.raises(MissingWeights, match="nowhere"):
        batch.run(Work("encode", OPTIONS | {"weights": Path("nowhere")}), scenes, tmp_path / "out", LocalExecutor())


def test_a_folder_that_cannot_be_is_7(scenes, work, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="folder"):
        batch.run(work, scenes, tmp_path / "file" / "out", LocalExecutor())


@pytest.mark.parametrize("where", [("cluster", 1), ("tcp://127.0.0.1:1", 2)])
def test_a_crew_that_cannot_be_is_named(where):
    with pytest.raises(InputError, match=where[0]), executor_for(*where):
        pass


@pytest.mark.parametrize("goal", [{"quality": 5.0}, {"bpp": 0.7}, {"max_error": 30.0}, {"bands": (4, 1)}])
def test_one_scene_by_its_tiles(tmp_path, tiny_weights, goal, monkeypatch):
    pixels, metadata = synthesize(200, 4, "uint16", 0.0)
    scene, alone, spread = (tmp_path / name for name in ("scene.tif", "alone.bin", "spread.bin"))
    Scene(pixels, None, metadata).save(scene)
    options = goal | {"weights": tiny_weights, "model": "vec", "tile": 64}
    expected = rscodec.encode_file(scene, alone, **options)
    parts = []
    monkeypatch.setattr(LocalExecutor, "submit", watched(LocalExecutor.submit, parts))
    made = rscodec.encode_file(scene, spread, executor=LocalExecutor(), **options)
    assert spread.read_bytes() == alone.read_bytes() and made.quality == expected.quality
    assert len(parts) == 2  # 4 rows of 2 blocks of 2 tiles, 4 blocks at a time


def watched(function, calls: list):
    def call(*args):
        calls.append(args)
        return function(*args)

    return call


def test_two_workers_make_the_same_files(scenes, work, tmp_path, tiny_weights):
    """Scenes apart, and one scene by its tiles."""
    pytest.importorskip("distributed")
    pixels, metadata = synthesize(320, 4, "uint16", 0.0)
    large = tmp_path / "large.tif"
    Scene(pixels, None, metadata).save(large)
    rscodec.encode_file(large, tmp_path / "alone.bin", weights=tiny_weights, threads=1, **OPTIONS)
    batch.run(work, scenes, tmp_path / "serial", LocalExecutor())
    with executor_for(workers=2) as executor:
        rows = batch.run(work, scenes, tmp_path / "two", executor)
        rscodec.encode_file(large, tmp_path / "spread.bin", weights=tiny_weights, executor=executor, **OPTIONS)
    assert status(rows) == ["done"] * 3 and contents(tmp_path / "two") == contents(tmp_path / "serial")
    assert (tmp_path / "spread.bin").read_bytes() == (tmp_path / "alone.bin").read_bytes()


@pytest.mark.slow
def test_a_worker_killed_midway_costs_nothing(work, tmp_path):
    """Forty scenes on two workers; one gets SIGKILL after ten of them."""
    pytest.importorskip("distributed")
    scenes = write_scenes(tmp_path / "in", 40)
    batch.run(work, scenes, tmp_path / "serial", LocalExecutor())
    killed = []
    with executor_for(workers=2) as executor:

        def kill_one(done: int, total: int) -> None:
            if done == 10:
                killed.append(next(iter(executor._client.run(os.getpid).values())))
                os.kill(killed[0], signal.SIGKILL)

        rows = batch.run(work, scenes, tmp_path / "two", executor, progress=kill_one)
        after = list(executor._client.run(os.getpid).values())
    assert killed and killed[0] not in after
    assert status(rows) == ["done"] * 40 and contents(tmp_path / "two") == contents(tmp_path / "serial")


COMMAND = "import sys; from tests.rscodec.batch.test_run import as_client; as_client(*sys.argv[1:])"


def as_client(scenes: str, out: str, weights: str) -> None:
    """A client that can be killed."""
    with executor_for(workers=2) as executor:
        batch.run(Work("encode", OPTIONS | {"weights": Path(weights)}), find_inputs([scenes]), out, executor)


@pytest.mark.slow
def test_a_client_killed_midway_goes_on_with_resume(work, tmp_path, root, tiny_weights):
    pytest.importorskip("distributed")
    scenes, out = write_scenes(tmp_path / "in", 40), tmp_path / "out"
    batch.run(work, scenes, tmp_path / "serial", LocalExecutor())
    arguments = [str(tmp_path / "in" / "*.tif"), str(out), str(tiny_weights)]
    client = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], cwd=root)
    while len(made(out)) < 10 and client.poll() is None:
        time.sleep(0.01)
    client.kill()
    assert client.wait() == -signal.SIGKILL
    time.sleep(5)  # its workers notice
    before = made(out)
    assert 10 <= len(before) < 40
    rows = batch.run(work, scenes, out, LocalExecutor(), resume=True)
    kept = {Path(row.output).name for row in rows if row.status == "kept"}
    assert set(status(rows)) == {"kept", "done"} and len(before) - 4 <= len(kept) <= len(before)
    assert all(made(out)[name] == before[name] for name in kept)
    assert contents(out) == contents(tmp_path / "serial")
