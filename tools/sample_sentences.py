"""Prints random sentences of README, docs and help, for a reader who judges whether each needs a second reading.

    python tools/sample_sentences.py --count 60 --seed 0

The reference in docs/ contains the help of all commands and the public docstrings. Blocks of code are left out, and so
are cells of tables with fewer than five words.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LEAST_WORDS = 5


def sentences(text: str) -> list[str]:
    """The sentences of a Markdown text, also those in lists and cells of tables."""
    text = re.sub(r"^\s*```.*?^\s*```|<!--.*?-->", "\n\n", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    blocks = re.split(r"\n\s*\n|^#.*$|^\s*(?:-|\d+\.)\s|(?<!\\)\||^ {4}.*$", text, flags=re.MULTILINE)
    found = []
    for block in blocks:
        found += re.split(r"(?<=[.:?!])\s+(?=[A-Z`*])", " ".join(block.split()))
    return [one for one in found if len(re.findall(r"[A-Za-z]{2,}", one)) >= LEAST_WORDS]


@click.command()
@click.option("--count", type=int, default=60, show_default=True, help="How many sentences.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the choice.")
def main(count: int, seed: int) -> None:
    """Print random sentences of README, docs and help, each with its file."""
    known = [(path, one) for path in PAGES for one in sentences(path.read_text(encoding="utf-8"))]
    for number, (path, one) in enumerate(random.Random(seed).sample(known, count), 1):
        click.echo(f"{number:3d}  {path.relative_to(ROOT)}: {one}")


if __name__ == "__main__":
    main()
