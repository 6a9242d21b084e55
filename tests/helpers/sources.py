"""The source files of the project, and what they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BESIDE = ("bitstreams", "eval", "cli")  # folders of the checkout that are packages in rscodec
SOURCES = [path for folder in ("rscodec", *BESIDE) for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return f"rscodec.{module}" if path.relative_to(ROOT).parts[0] in BESIDE else module


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function, relative ones made absolute. What only a type
    checker imports does not count.
    """
    package = tuple(module_of(path.parent).split("."))
    checked = {
        id(inner)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in (node for node in ast.walk(tree(path)) if id(node) not in checked):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)  # it may be a module, too


def strings(path: Path) -> Iterator[str]:
    """Every string constant of a file but its docstrings, f-strings in parts."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree(path)) if isinstance(node, documented)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docs:
            yield node.value
