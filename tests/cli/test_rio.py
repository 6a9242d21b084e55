"""`rio rscodec`: the same commands behind rasterio's command line."""

from __future__ import annotations

from importlib.metadata import entry_points

import click
import pytest
from click.testing import CliRunner
from rasterio.rio.main import main_group

from rscodec.cli.rio import command
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene


@pytest.fixture(scope="module")
def rio():
    """`rio` with the plug-in, whether it is installed or not."""
    group = click.Group(
        "rio",
        commands={**main_group.commands, "rscodec": command},
        params=main_group.params,
        callback=main_group.callback,
    )

    def run(*args: object) -> click.testing.Result:
        return CliRunner().invoke(group, ["rscodec", *map(str, args)])

    return run


@pytest.fixture
def stream(tmp_path, tiny):
    from rscodec.stream.encoder import SceneEncoder
    from rscodec.synthetic.sample import synthesize

    pixels, metadata = synthesize(96)
    SceneEncoder(SceneSource(Scene(pixels, None, metadata)), tiny, 64).write(tmp_path / "scene.bin", 5)
    return tmp_path / "scene.bin"


def test_info_and_decode(rio, stream, tiny_weights, tmp_path):
    told = rio("info", stream)
    assert told.exit_code == 0 and "vec-1" in told.stdout
    done = rio("decode", stream, "-o", tmp_path / "back.tif", "--weights", tiny_weights, "--window", 8, 8, 32, 16)
    assert done.exit_code == 0, done.output
    assert Scene.load(tmp_path / "back.tif").pixels.shape == (3, 16, 32)


def test_encode_takes_the_options_of_rscodec(rio, monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr("rscodec.api.encode_file", lambda *args, **options: asked.update(options) or 1 / 0)
    result = rio("encode", "a.tif", "-o", tmp_path / "a.bin", "-q", 5.5)
    assert isinstance(result.exception, ZeroDivisionError) and asked["quality"] == 5.5


def test_help_names_three_commands(rio):
    text = rio("--help").stdout
    assert all(f"  {name} " in text for name in ("encode", "decode", "info")) and "  sample " not in text


@pytest.mark.parametrize(
    "args, code, words",
    [
        (("info", "nowhere.bin"), 3, "Error: cannot read nowhere.bin"),
        (("info", __file__), 4, "not an rscodec stream"),
        (("sample", "-o", "a.tif"), 2, "no command 'sample'"),
    ],
)
def test_an_error_is_a_line_and_an_exit_code(rio, args, code, words):
    result = rio(*args)
    assert result.exit_code == code and words in result.stderr and "Traceback" not in result.output


def test_debug_shows_the_traceback(rio, capsys):
    result = rio("info", "nowhere.bin", "--debug")
    assert result.exit_code == 3 and "Traceback" in result.output + capsys.readouterr().err


def test_the_plug_in_has_its_entry_point():
    if not entry_points(group="rasterio.rio_plugins", name="rscodec"):
        pytest.skip("rscodec is used without being installed")
    assert main_group.commands["rscodec"] is command
