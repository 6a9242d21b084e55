"""The web site of docs/: links as the site has them, and a build that fails on a broken one."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from tests.helpers.tools import load

hooks = load("site_hooks")


@pytest.mark.parametrize(
    "page, text, wanted",
    [
        ("index.md", "[a](../README.md)", "[a](start.md)"),
        ("start.md", "[a](docs/guides/view.md)", "[a](guides/view.md)"),
        ("guides/view.md", "[a](../../bitstreams/SPEC.md#layout)", "[a](../reference/format.md#layout)"),
        ("reference/format.md", "[a](../docs/index.md)", "[a](../index.md)"),
        ("explanation/effort.md", "[the search](../../rscodec/networks/effort.py)", "the search"),
        ("explanation/results.md", "[points](../results)", "points"),
        ("index.md", "```\n[a](../README.md)\n```", "```\n[a](../README.md)\n```"),
        ("index.md", r"| `a\|b` | x\|y |", r"| `a|b` | x\|y |"),
    ],
)
def test_links_are_those_of_the_site(page: str, text: str, wanted: str, caplog):
    assert hooks.relinked(text, page) == wanted and not caplog.records


def test_a_link_to_nothing_is_a_warning(caplog):
    with caplog.at_level(logging.WARNING, hooks.LOG.name):
        hooks.relinked("[a](nowhere.md)", "index.md")
    assert "docs/index.md links to nowhere.md" in caplog.text


@pytest.fixture
def build(tmp_path: Path):
    """A function that builds the site of a folder of docs, strictly."""
    pytest.importorskip("mkdocs")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    def run(docs: Path) -> Path:
        config = load_config(str(hooks.ROOT / "mkdocs.yml"), docs_dir=str(docs), site_dir=str(tmp_path / "site"))
        config.strict = True
        build(config)
        return tmp_path / "site"

    return run


def test_the_site_builds_and_loads_nothing_from_elsewhere(build):
    site = build(hooks.ROOT / "docs")
    pages = [path.read_text(encoding="utf-8") for path in site.rglob("*.html")]
    assert len(pages) > 25
    assert not [page for page in pages if 'src="http' in page or 'rel="stylesheet" href="http' in page]


def test_the_build_fails_on_a_broken_link(build, tmp_path: Path):
    from mkdocs.exceptions import Abort

    docs = tmp_path / "docs"
    shutil.copytree(hooks.ROOT / "docs", docs, ignore=shutil.ignore_patterns("results"))
    with pytest.raises(Abort):
        build(docs)
