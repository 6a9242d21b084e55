"""Commands that people type who know GDAL, rasterio or JPEG XL: each works, or one line says what to type instead."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click
import pytest

from rscodec.cli import batch, decode, encode
from rscodec.cli.habits import ADVICE, OTHER_NAMES, familiar, options_of
from rscodec.cli.main import COMMANDS, app, main
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize

WORKS = [
    "encode scene.tif out.bin",  # cjxl, rio convert
    "encode scene.tif -o out.bin",
    "encode -q 3 scene.tif out.bin",
    "encode scene.tif out.bin --lossless",  # gdal_translate -of WebP -co LOSSLESS=YES
    "encode dem.tif out.bin --max-error 0.5",
    "encode scene.tif out.bin -b 3 -b 2 -b 1",  # gdal_translate
    "encode scene.tif out.bin -b 3,2,1",
    "encode scene.tif out.bin -a_nodata 255",
    "encode B02.tif B03.tif B04.tif out.bin",  # rio stack
    "encode B02.tif B03.tif B04.tif -o out.bin",
    "encode scene.tif -",
    "encode scene.tif out.jxl",
    "decode scene.bin out.tif",  # djxl
    "decode scene.bin out.tif -of COG",
    "decode scene.bin out.tif -of GTiff -co COMPRESS=ZSTD -co PREDICTOR=2",
    "decode scene.bin out.tif -srcwin 10 20 30 40",
    "decode scene.bin out.tif --window 10,20,30,40",
    "decode scene.bin out.tif -projwin 412010 5317990 412040 5317960",
    "decode scene.bin out.tif -b 2",
    "decode scene.bin out.png --preview 32",
    "decode dem.bin out.png --preview 32",
    "decode scene.bin out",
    "info scene.bin",
    "info scene.bin --json",
    "verify scene.bin --against scene.tif",
    "validate scene.tif scene.bin",
    "batch encode folder --out outs",
    "batch encode folder/*.tif --out outs",
    "batch decode streams --out outs",
    "sample out.tif",
    "-V",
    "--version",
    "completion bash",
    "man",
]
SAYS_INSTEAD = {
    "encode scene.tif": "name it as the last argument, or with -o",
    "encode B02.tif B03.tif": "give it with -o",
    "encode scene.tif scene.bin": "give --overwrite or choose another name",
    "encode folder out.bin": "rscodec batch",
    "encode scene.tif out.bin -q 90": "90.0 is not in the range 1<=x<=8",  # JPEG, WebP
    "encode scene.tif out.bin -d 1": "use --quality from 1 to 8",  # cjxl
    "encode scene.tif out.bin -e 7": "use --effort",
    "encode scene.tif out.bin --ratio 20": "use --bpp",
    "encode scene.tif out.bin -ot Byte": "change the scene with gdal_translate or rio",
    "encode scene.tif out.bin -srcwin 0 0 8 8": "`rscodec decode`",
    "encode scene.tif /vsis3/bucket/out.bin": "name a file on disk",
    "encode scene.bin out.bin": "is compressed already",
    "decode scene.bin": "name it as the last argument, or with -o",
    "decode scene.bin -": "name a file on disk",
    "decode scene.bin out.jp2": "name it .tif or .png",
    "decode scene.bin out.tif -outsize 50% 50%": "use --preview N",
    "decode scene.bin out.tif -t_srs EPSG:4326": "change the scene",
    "decode scene.bin out.tif --bounds 0 0 1 1": "--projwin ULX ULY LRX LRY",  # rio clip
    "decode scene.bin out.tif -overwrite": "use --overwrite",
    "decode scene.bin out.tif --window 0 0 999 999": "which has 64 x 64 pixels; choose another",
    "decode scene.tif out.tif": "not an rscodec stream",
    "enhance scene.bin out.tif --model ldm-jpeg2000": "`rscodec decode --enhance`",
    "compress scene.tif out.bin": "use `rscodec encode`",
    "translate scene.tif out.bin": "use `rscodec encode` or `rscodec decode`",
    "gdalinfo scene.bin": "use `rscodec info`",
    "help": "use `rscodec COMMAND --help`",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands read: scenes, bands, streams, folders of these."""
    folder = tmp_path_factory.mktemp("files")
    pixels, metadata = synthesize(64)
    Scene(pixels, metadata=metadata).save(folder / "scene.tif")
    place = {key: metadata[key] for key in ("crs", "transform")}
    for name, band in zip(("B04", "B03", "B02"), pixels, strict=True):
        Scene(band[None], metadata=place).save(folder / f"{name}.tif")
    Scene(pixels[:1].astype("float32") * 3, metadata=place).save(folder / "dem.tif")
    for name in ("scene", "dem"):
        assert main(["encode", str(folder / f"{name}.tif"), str(folder / f"{name}.bin"), "--quiet"]) == 0
    for name, file in (("folder", "scene.tif"), ("streams", "scene.bin")):
        (folder / name).mkdir()
        shutil.copy(folder / file, folder / name)
    return folder


@pytest.fixture
def typed(rscodec, files, tmp_path, monkeypatch):
    """typed("info scene.bin"): what a command does in a folder with `files`."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return lambda line: rscodec(*shlex.split(line))


@pytest.mark.parametrize("line", WORKS)
def test_it_works(typed, line):
    result = typed(line)
    assert result.code == 0 and "error" not in result.err.replace("errors reach", "").replace("largest error", "")
    outputs = [word for word in line.split() if word.startswith("out")]
    assert all(Path(output).exists() for output in outputs)


@pytest.mark.parametrize("line", SAYS_INSTEAD)
def test_a_line_says_what_to_type_instead(typed, line):
    result = typed(line)
    assert result.code and SAYS_INSTEAD[line] in result.err and result.err.count("\n") == 1
    assert not result.out and not [*Path().glob("out*")]


def test_other_names_are_names_of_no_command():
    assert not OTHER_NAMES.keys() & {name for name, _ in COMMANDS}


def test_advice_is_for_commands_without_the_option():
    assert [*familiar(["-of", "COG"], decode.command)] == ["-of", "COG"]
    with pytest.raises(click.UsageError, match="there is no -of"):
        [*familiar(["-of", "COG"], encode.command)]
    assert [*familiar(["encode", "-b", "1"], batch.command)] == ["encode", "-b", "1"]


def test_advice_names_options_and_commands_that_exist():
    known, commands = options_of(app), {name for name, _ in COMMANDS}
    for words in (*ADVICE.values(), *OTHER_NAMES.values()):
        flags = {word.strip(",;:`") for word in words.split() if word.startswith("--")}
        assert flags <= known | {"--version", "--help"}
        named = {part.split()[0].strip("`,;") for part in words.split("`rscodec ")[1:]}
        assert named <= commands | {"COMMAND", "--version"}


def test_every_unknown_option_of_gdal_is_refused_before_it_is_taken_for_an_output(typed):
    """click would read `-ot Byte` as `-o t`."""
    for name in ("-ot", "-of", "-oo", "-outsize", "-overwrite"):
        assert typed(f"encode scene.tif {name} x").code == 2
    assert not [*Path().glob("[a-z]")]


def test_numbers_with_commas_are_split_after_windows_only():
    assert [*familiar(["--window", "0,-1,2,3", "-b", "1,2,3,4"], decode.command)] == [
        "--window",
        "0",
        "-1",
        "2",
        "3",
        "-b",
        "1,2,3,4",
    ]
    assert [*familiar(["--projwin=0,1,2.5,3"], decode.command)] == ["--projwin", "0", "1", "2.5", "3"]
    assert [*familiar(["--window", "0,1,2"], decode.command)] == ["--window", "0,1,2"]
