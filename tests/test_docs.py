"""Docs name files that are there, versions that agree, and a set-up that is README's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import rscodec

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = ("bitstreams", "rscodec", "eval", "cli", "tests", "tools", "docs", ".ci")
NAMED = re.compile(rf"(?<![\w/.$~-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*-]*[\w*/]")
LINKED = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_files_that_docs_name_are_there(path: Path):
    text = path.read_text(encoding="utf-8")
    missing = {name for name in NAMED.findall(text) if not [*ROOT.glob(name)]}
    missing |= {link for link in LINKED.findall(text) if not (path.parent / link).exists()}
    assert not missing


def tables(text: str) -> Iterator[list[int]]:
    """The cells of each row, table by table, outside of code."""
    for block in re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE).split("\n\n"):
        rows = [row.strip() for row in block.strip().splitlines()]
        if any(re.fullmatch(r"[|: -]*---[|: -]*", row) for row in rows):
            yield [len(re.split(r"(?<!\\)\|", row)) if row.startswith("|") and row.endswith("|") else 0 for row in rows]


@pytest.mark.parametrize("path", [*DOCS, ROOT / "bitstreams" / "SPEC.md"], ids=lambda path: path.name)
def test_rows_of_tables_are_whole(path: Path):
    assert all(len(set(cells)) == 1 and cells[0] for cells in tables(path.read_text(encoding="utf-8")))


def test_the_changelog_begins_with_what_is_not_released_and_knows_this_version():
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].startswith(rscodec.__version__)
    assert any(heading.split()[0] == rscodec.__version__ for heading in headings)
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{rscodec.__version__}"' in pyproject
    assert f"version: {rscodec.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_every_manifest_of_weights_says_its_licence():
    manifests = [*(ROOT / "rscodec" / "weights").glob("*.json")]
    assert manifests and all(json.loads(path.read_text())["licence"].startswith("MIT") for path in manifests)


def test_the_readme_fits_on_a_few_screens():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_contributing_sets_up_as_readme_does():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [readme.partition(f"<!-- ci:{name} -->")[2].split("```")[1] for name in ("install-test", "test")]
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "".join(block.removeprefix("bash\n") for block in blocks) in contributing


ROW_END = re.compile(r"(?<!\\)\|")


@pytest.mark.parametrize("path", [*DOCS, ROOT / "bitstreams" / "SPEC.md"], ids=lambda path: path.name)
def test_every_row_of_a_table_has_the_cells_of_its_header(path: Path):
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    header = 0
    for number, line in enumerate(lines, 1):
        if re.fullmatch(r"\|[\s:|-]+\|", line):
            header = len(ROW_END.findall(line))
        elif not line.startswith("|"):
            assert not header or not line.strip() or line.startswith("```"), f"line {number} cuts a table"
            header = 0
        elif header:
            assert len(ROW_END.findall(line)) == header, f"line {number}"
