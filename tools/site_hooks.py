r"""Hooks of MkDocs: pages from outside of docs/, and links that leave docs/.

Markdown files link to each other as they lie in the repository, so that they can be read there. On the site,

    a link to a page                    goes to the page
    a link to another file              becomes its text: the site has no source files
    a link to a file that is not there  is a warning, with which `mkdocs build --strict` fails
    \| inside of code                  is a bar: Python-Markdown needs no backslash there, other readers do
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = logging.getLogger("mkdocs.hooks.site")

# Files of the repository that are pages of the site.
PAGES = {
    "README.md": "start.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "bitstreams/SPEC.md": "reference/format.md",
    "tools/LOG.md": "experiments.md",
}
SOURCES = {page: source for source, page in PAGES.items()}
BLOCK = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Add the pages from outside of docs/."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page, **_) -> str:
    return relinked(markdown, page.file.src_uri)


def relinked(markdown: str, page: str) -> str:
    """The text of a page (named relative to docs/) with links as the site has them. Blocks of code stay."""
    parts = BLOCK.split(markdown)
    for at in range(0, len(parts), 2):
        text = CODE.sub(lambda code: code[0].replace(r"\|", "|"), parts[at])
        parts[at] = LINK.sub(lambda link: _target(link, page), text)
    return "".join(parts)


def _target(link: re.Match, page: str) -> str:
    bang, text, name, anchor = link[1], link[2], link[3], link[4] or ""
    source = SOURCES.get(page, f"docs/{page}")
    path = os.path.normpath(os.path.join(os.path.dirname(source), name)).replace(os.sep, "/")
    if not (ROOT / path).exists():
        LOG.warning("%s links to %s, which is not there", source, name)
    if path in PAGES or (path.startswith("docs/") and (ROOT / path).is_file()):
        there = PAGES.get(path, path.removeprefix("docs/"))
        return f"{bang}[{text}]({os.path.relpath(there, os.path.dirname(page) or '.')}{anchor})"
    return text
