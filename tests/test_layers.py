"""The arrows between rooms, and the names of packages, proven on source and in new processes."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rscodec.bitstreams.container import StreamWriter
from rscodec.bitstreams.header import Header
from rscodec.cli.main import COMMANDS
from tests.helpers.sources import BESIDE, ROOT, SOURCES, imports, module_of, name, strings

DOOR = ROOT / "rscodec" / "__main__.py"  # `python -m rscodec`: the command line, whatever folder it lies in
LIBRARY = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in ("bitstreams", "rscodec") and path != DOOR]
TOOLS = sorted((ROOT / "tools").rglob("*.py"))

# Files that alone may know a library. The rest of rscodec works without it.
SOLE_USERS = {
    "compressai": {"rscodec/codec/elic.py"},
    "rasterio": {
        "rscodec/raster/gdal.py",
        "rscodec/raster/gdal_errors.py",
        "rscodec/raster/reader.py",
        "rscodec/raster/writer.py",
        "rscodec/raster/metadata.py",
        "rscodec/raster/footprint.py",
        "rscodec/raster/georeference.py",
        "rscodec/carbon/grid.py",
        "rscodec/integrations/rio_tiler_reader.py",
    },
}


def tops(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in imports(path)}


@pytest.mark.parametrize("path", [*SOURCES, *TOOLS], ids=name)
def test_no_package_has_a_name_that_others_may_have(path: Path):
    assert not tops(path) & {*BESIDE, "tests"} and ("tools" not in tops(path) or path in TOOLS)


ROOMS = (  # lowest first: a room may import those before it
    "bitstreams",
    "concurrency",
    "metrics",
    "raster",
    "codec",
    "networks",
    "models",
    "stream",
    "generative",
    "enhancers",
    "upsamplers",
    "training",
    "synthetic",
    "output",
    "open_scene",
    "api",
    "carbon",
    "batch",
    "viewer",
    "integrations",
    "eval",
    "cli",
)
STRANGERS = {"codec": {"raster"}, "models": {"raster"}}  # rooms below that a room does not know all the same


def room(module: str) -> str | None:
    """The room of a module; None for what is in no room: other libraries, and the package itself, which is lazy."""
    top, _, rest = module.partition(".")
    found = rest.partition(".")[0] if top == "rscodec" else None
    return found if found in ROOMS else None


@pytest.mark.parametrize("path", [path for path in SOURCES if room(module_of(path))], ids=name)
def test_a_room_imports_only_those_below_it(path: Path):
    own = room(module_of(path))
    rank = ROOMS.index(own)
    used = {room(module) for module in imports(path)} - {None, own}
    assert not {other for other in used if ROOMS.index(other) > rank} and not used & STRANGERS.get(own, set())


def test_every_module_of_the_library_is_in_a_room():
    outside = {name(path) for path in SOURCES if room(module_of(path)) is None}
    assert outside == {"rscodec/__init__.py", "rscodec/__main__.py"}


@pytest.mark.parametrize("path", sorted((ROOT / "bitstreams").rglob("*.py")), ids=name)
def test_the_format_needs_only_the_standard_library_and_numpy(path: Path):
    assert tops(path) <= sys.stdlib_module_names | {"numpy", "rscodec"}


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_the_library_neither_parses_nor_prints_nor_exits(path: Path):
    assert not tops(path) & {"click", "rich", "tqdm", "matplotlib"}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & {"print", "input", "exit", "sys.exit"}


@pytest.mark.parametrize("library", SOLE_USERS)
def test_a_library_stays_in_its_files(library: str):
    users = {name(path) for path in LIBRARY if library in tops(path)}
    assert users <= SOLE_USERS[library]


@pytest.mark.parametrize("path", [*SOURCES, *TOOLS], ids=name)
def test_nothing_private_of_rasterio_is_imported(path: Path):
    assert not [module for module in imports(path) if module.startswith("rasterio.") and "._" in module]


FLAG = re.compile(r"(?<![\w-])--[a-z]")
ARGUMENT = re.compile(r"`([a-z_]+)[`=]")  # an f-string ends where its value begins
COMMANDS_TO_REPEAT = ("eval/contenders.py", "rscodec/training/manifest.py")  # no messages: what readers may run


MESSAGES = [path for path in SOURCES if not name(path).startswith("cli/") and name(path) not in COMMANDS_TO_REPEAT]


@pytest.mark.parametrize("path", MESSAGES, ids=name)
def test_messages_of_the_library_spell_no_options(path: Path):
    assert not [string for string in strings(path) if FLAG.search(string)]


def test_what_messages_of_the_library_put_in_backticks_are_arguments():
    known = set()
    for node in (node for path in MESSAGES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
        if isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.AnnAssign):
            known.add(ast.unparse(node.target))
    named = {found for path in MESSAGES for string in strings(path) for found in ARGUMENT.findall(string)}
    assert {"bpp", "max_error", "overwrite"} < named and named <= known


def run(code: str, *args: str) -> str:
    result = subprocess.run([sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_training_and_codec_load_without_compressai_and_rasterio():
    files = [path for folder in ("training", "codec") for path in (ROOT / "rscodec" / folder).glob("*.py")]
    modules = [module_of(path) for path in files if name(path) not in SOLE_USERS["compressai"]]
    run(
        "import importlib, sys\n"
        "sys.modules['compressai'] = sys.modules['rasterio'] = None\n"  # None: importing it fails
        "for module in sys.argv[1:]: importlib.import_module(module)",
        *modules,
    )


WITHOUT_EXTRAS = """
import sys
for name in ("torch", "compressai", "PIL", "matplotlib", "lpips", "glymur", "pytorch_msssim", "imageio_ffmpeg"):
    sys.modules[name] = None  # importing it fails
from rscodec.cli.main import main
scene, stream, back, small = (f"{sys.argv[1]}/{name}" for name in ("a.tif", "a.bin", "b.tif", "c.tif"))
for words in (
    ["sample", "-o", scene, "--size", "100"],
    ["encode", scene, "-o", stream, "--max-error", "2", "-q", "3"],
    ["info", stream],
    ["decode", stream, "-o", back],
    ["decode", stream, "-o", small, "--preview", "8"],
    ["verify", stream, "--against", scene],
    ["validate", scene, back],
):
    assert main(words) == 0, words
for words, extra in (
    (["encode", scene, "-o", stream, "--effort", "1", "--overwrite"], "rscodec[enhance]"),
    (["decode", stream, "-o", back, "--device", "cuda", "--overwrite"], "rscodec[enhance]"),
    (["decode", stream, "-o", back, "--enhance", "ldm", "--overwrite"], "rscodec[enhance]"),
    (["decode", stream, "-o", back, "--upscale", "2", "--overwrite"], "rscodec[enhance]"),
    (["eval", "rd", sys.argv[1], "--out", back], "rscodec[eval]"),
    (["encode", scene, "-o", stream, "--model", "elic", "--weights", scene, "--overwrite"], "rscodec[elic]"),
):
    assert main(words) == 3, words
    print("needs", extra)
"""


def test_the_core_works_without_extras_and_names_those_that_are_missing(tmp_path: Path):
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    errors = [line for line in result.stderr.splitlines() if "pip install" in line]
    wanted = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("needs ")]
    assert len(wanted) == len(errors) == 6
    assert all(extra in line for extra, line in zip(wanted, errors, strict=True)), errors


HEAVY = ("torch", "compressai", "rasterio", "numba", "scipy", "matplotlib")
LOADED = "import json; print('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def loaded_after(code: str, *args: str) -> set[str]:
    return set(json.loads(run(f"import sys\n{code}\n{LOADED}", *args).splitlines()[-1]))


def test_importing_rscodec_loads_nothing_heavy():
    assert not loaded_after("import rscodec") & set(HEAVY)


def test_only_rscodec_is_loaded_under_a_name_of_ours():
    code = "import rscodec.api, rscodec.batch.run, rscodec.eval.rd, rscodec.cli.main"
    assert not loaded_after(code) & {*BESIDE, "tools"} and not sys.modules.keys() & set(BESIDE)


def test_importing_raster_loads_no_torch():
    assert "torch" not in loaded_after("import rscodec.raster.reader, rscodec.raster.writer")


COMMAND = "from rscodec.cli.main import main\nassert main(sys.argv[1:]) == 0"


def test_help_loads_nothing_heavy():
    assert not loaded_after(COMMAND, "--help") & set(HEAVY)


@pytest.mark.parametrize("command", [name for name, _ in COMMANDS])
def test_help_of_a_command_loads_nothing_heavy(command: str):
    assert not loaded_after(COMMAND, command, "--help") & set(HEAVY)


def test_info_loads_nothing_heavy(tmp_path: Path):
    header = Header(
        model="vec-1", weights_hash=bytes(8), quality=3.0, width=8, height=8, bands=1, dtype="uint8", groups=1
    )
    with StreamWriter(tmp_path / "a.bin", header) as writer:
        writer.add(0, 0, None, [(b"payload", 0)])
    assert not loaded_after(COMMAND, "info", str(tmp_path / "a.bin")) & set(HEAVY)


def test_the_package_list_is_what_is_there():
    tomllib = pytest.importorskip("tomllib")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert set(settings["packages"]) == {module_of(path.parent) for path in SOURCES}
    assert {name: folder for name, folder in settings["package-dir"].items() if name != "rscodec"} == {
        f"rscodec.{folder}": folder for folder in BESIDE
    }


def drawn_tree() -> Iterator[str]:
    """The paths that CONTRIBUTING's tree draws: two spaces a level, folders end in a slash."""
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    branch: list[str] = []
    for line in contributing.partition("## The tree")[2].split("```")[1].strip().splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        branch[depth:] = [line.split()[0]]
        yield "".join(branch)


def test_the_tree_in_contributing_names_every_room():
    rooms = {f"{name(path.parent)}/" for path in SOURCES if path.parent.parent in (ROOT, ROOT / "rscodec")}
    drawn = set(drawn_tree())
    assert rooms <= drawn and all((ROOT / path).exists() for path in drawn)


def test_errors_are_defined_in_one_file_only():
    known = {
        node.name
        for node in ast.parse((ROOT / "bitstreams/errors.py").read_text()).body
        if isinstance(node, ast.ClassDef)
    } | {"Exception", "ValueError", "RuntimeError"}
    elsewhere = {
        f"{name(path)}: {node.name}"
        for path in SOURCES
        if path.name != "errors.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        if known & {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    }
    assert not elsewhere


MOST_PARAMETERS, MOST_LINES, MOST_CLASS_LINES = 8, 60, 200


@pytest.mark.parametrize("path", [*SOURCES, *TOOLS], ids=name)
def test_functions_and_classes_are_small(path: Path):
    """Click callbacks, which have a parameter for each option, are decorated."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        lines = getattr(node, "end_lineno", 0) - getattr(node, "lineno", 0) + 1
        if isinstance(node, ast.ClassDef):
            assert lines <= MOST_CLASS_LINES, f"{node.name} has {lines} lines"
        elif isinstance(node, ast.FunctionDef):
            own = [argument for argument in (*node.args.args, *node.args.kwonlyargs) if argument.arg != "self"]
            assert lines <= MOST_LINES, f"{node.name} has {lines} lines"
            assert len(own) <= MOST_PARAMETERS or node.decorator_list, f"{node.name} has {len(own)} parameters"
