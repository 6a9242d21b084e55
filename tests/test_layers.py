"""The arrows of the house, bitstreams <- rscodec <- eval <- cli, proven on source and in new processes."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bitstreams.container import StreamWriter
from bitstreams.header import Header
from cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("bitstreams", "rscodec", "eval", "cli")
SOURCES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]
DOOR = ROOT / "rscodec" / "__main__.py"  # `python -m rscodec`: the command line, whatever folder it lies in
LIBRARY = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in ("bitstreams", "rscodec") and path != DOOR]
TOOLS = sorted((ROOT / "tools").rglob("*.py"))

# Files that alone may know a library. The rest of rscodec works without it.
SOLE_USERS = {
    "compressai": {"rscodec/codec/elic.py"},
    "rasterio": {"rscodec/raster.py", "rscodec/metadata.py", "rscodec/footprint.py", "rscodec/carbon/grid.py"},
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function, relative ones made absolute."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join((*base, *filter(None, [node.module])))


def tops(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in imports(path)}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_imports_go_one_way(path: Path):
    layer = "cli" if path == DOOR else path.relative_to(ROOT).parts[0]
    above = set(LAYERS[LAYERS.index(layer) + 1:])
    assert not tops(path) & (above | {"tools", "tests"})


@pytest.mark.parametrize("path", TOOLS, ids=name)
def test_tools_do_not_import_tests(path: Path):
    assert "tests" not in tops(path)


@pytest.mark.parametrize("path", sorted((ROOT / "bitstreams").rglob("*.py")), ids=name)
def test_the_format_needs_only_the_standard_library_and_numpy(path: Path):
    assert tops(path) <= sys.stdlib_module_names | {"numpy", "bitstreams"}


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


def run(code: str, *args: str) -> str:
    result = subprocess.run([sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_training_and_codec_load_without_compressai_and_rasterio():
    files = [path for folder in ("training", "codec") for path in (ROOT / "rscodec" / folder).glob("*.py")]
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
               for path in files if name(path) not in SOLE_USERS["compressai"]]
    run("import importlib, sys\n"
        "sys.modules['compressai'] = sys.modules['rasterio'] = None\n"  # None: importing it fails
        "for module in sys.argv[1:]: importlib.import_module(module)", *modules)


HEAVY = ("torch", "compressai", "rasterio", "numba", "scipy", "matplotlib")
LOADED = "import json; print('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def loaded_after(code: str, *args: str) -> set[str]:
    return set(json.loads(run(f"import sys\n{code}\n{LOADED}", *args).splitlines()[-1]))


def test_importing_rscodec_loads_nothing_heavy():
    assert not loaded_after("import rscodec") & set(HEAVY)


def test_importing_raster_loads_no_torch():
    assert "torch" not in loaded_after("import rscodec.raster")


COMMAND = "from cli.main import main\nassert main(sys.argv[1:]) == 0"


def test_help_loads_nothing_heavy():
    assert not loaded_after(COMMAND, "--help") & set(HEAVY)


@pytest.mark.parametrize("command", [name for name, _ in COMMANDS])
def test_help_of_a_command_loads_nothing_heavy(command: str):
    assert not loaded_after(COMMAND, command, "--help") & set(HEAVY)


def test_info_loads_nothing_heavy(tmp_path: Path):
    header = Header(model="vec-1", weights_hash=bytes(8), quality=3.0, width=8, height=8, bands=1,
                    dtype="uint8", groups=1)
    with StreamWriter(tmp_path / "a.bin", header) as writer:
        writer.add(0, 0, None, [(b"payload", 0)])
    assert not loaded_after(COMMAND, "info", str(tmp_path / "a.bin")) & set(HEAVY)


def test_the_package_list_is_what_is_there():
    tomllib = pytest.importorskip("tomllib")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in SOURCES}
    assert set(settings["packages"]) == there


def readme_tree() -> Iterator[str]:
    """The paths that README's tree draws: two spaces a level, folders end in a slash."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    branch: list[str] = []
    for line in readme.partition("## The tree")[2].split("```")[1].strip().splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        branch[depth:] = [line.split()[0]]
        yield "".join(branch)


def test_the_tree_in_readme_is_what_is_there():
    files = {name(path) for path in [*SOURCES, *TOOLS] if path.name != "__init__.py"}
    assert {path for path in readme_tree() if path.endswith(".py")} == files
