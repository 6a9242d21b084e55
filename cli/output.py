"""Prints results: JSON for programs, aligned columns for people."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable
from os import PathLike

import click


def print_json(result) -> None:
    """Print a report (dataclass, dict or list) as strict JSON: paths become text, and numbers that are not finite
    become null.
    """
    click.echo(json.dumps(plain(result), indent=2, allow_nan=False))


def note_guessed(scene: str | PathLike, report) -> None:
    """Print a note on the bands that were used as red, green and blue because the scene does not name them."""
    bands = ",".join(map(str, report.guessed))
    if len(report.guessed) == 3:
        used = f"{bands} are used; give --bands R,G,B,... for others"
    else:
        used = f"{bands} used as a picture: the result means nothing for heights, radar and other data"
    if bands:
        click.echo(f"note: {scene} does not name its red, green and blue bands; {used}", err=True)


def note_lossy(report) -> None:
    """Print notes if the output format may change pixels again, or cannot hold all metadata."""
    if report.lossy:
        click.echo(f"note: {report.lossy} may change pixels again; nodata may not be exact", err=True)
    if report.metadata_changed:
        keys = ", ".join(report.metadata_changed)
        click.echo(f"note: the format of {report.path} cannot hold all metadata; these differ: {keys}", err=True)


def plain(value):
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, PathLike):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_table(rows: Iterable[tuple], right: tuple[int, ...] = ()) -> None:
    """Print rows of text in columns as wide as their widest cell. `right` lists the columns aligned to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        aligned = [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(aligned).rstrip())
