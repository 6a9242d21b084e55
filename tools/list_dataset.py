"""Write the committed list of a data set: every file with its SHA-256, and where they come from.

    RSCODEC_DATA=... python tools/list_dataset.py test/ucmerced --origin "UC Merced Land Use" --licence "public domain"

What the list says of bands already, since files do not, stays.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from rscodec.eval.datasets import LISTS, listing


@click.command()
@click.argument("name")
@click.option("--origin", required=True, help="Where the files can be had, and how these were made of them.")
@click.option("--licence", required=True)
def main(name: str, origin: str, licence: str) -> None:
    found = listing(name, Path(os.environ["RSCODEC_DATA"]) / name, origin, licence)
    path = LISTS / f"{name.replace('/', '_')}.json"
    path.parent.mkdir(exist_ok=True)
    before = {entry["path"]: entry for entry in json.loads(path.read_text())["files"]} if path.exists() else {}
    for entry in found["files"]:
        if bands := before.get(entry["path"], {}).get("bands"):  # which a person wrote
            entry["bands"] = bands
    path.write_text(json.dumps(found, indent=1) + "\n")
    click.echo(f"{len(found['files'])} files -> {path}")


if __name__ == "__main__":
    main()
