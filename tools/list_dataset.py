"""Writes the committed list of a data set: every file with its SHA-256, and the origin of the data.

    RSCODEC_DATA=... python tools/list_dataset.py test/ucmerced --origin "UC Merced Land Use" --licence "public domain"

Names of bands that the list already contains are kept, because files may lack them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from rscodec.eval.datasets import LISTS, listing


@click.command()
@click.argument("name")
@click.option("--origin", required=True, help="Source of the files, and how they were processed.")
@click.option("--licence", required=True)
def main(name: str, origin: str, licence: str) -> None:
    found = listing(name, Path(os.environ["RSCODEC_DATA"]) / name, origin, licence)
    path = LISTS / f"{name.replace('/', '_')}.json"
    path.parent.mkdir(exist_ok=True)
    before = {entry["path"]: entry for entry in json.loads(path.read_text())["files"]} if path.exists() else {}
    for entry in found["files"]:
        if bands := before.get(entry["path"], {}).get("bands"):  # a person wrote them
            entry["bands"] = bands
    path.write_text(json.dumps(found, indent=1) + "\n")
    click.echo(f"{len(found['files'])} files -> {path}")


if __name__ == "__main__":
    main()
