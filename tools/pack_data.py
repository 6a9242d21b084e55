"""Packs training imagery into one shard (`rscodec.training.pack` describes how each file is packed).

python tools/pack_data.py $RSCODEC_DATA/train --out local/shard.zip                  everything in the folder
python tools/pack_data.py $RSCODEC_DATA/train --out local/gpu.zip --limit-mib 16     a random part
"""

from __future__ import annotations

from pathlib import Path

import click

from rscodec.cli.main import Tool
from rscodec.training.pack import LEAST, pack


@click.command(cls=Tool)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--limit-mib", type=float, help="Keep a random part of at most this size.")
@click.option("--seed", default=0)
def main(folder: Path, out: Path, limit_mib: float | None, seed: int) -> None:
    packed = pack(folder, out, limit_mib, seed)
    click.echo(f"{packed.written} of {packed.found} pictures, {out.stat().st_size / 2**20:.1f} MiB -> {out}")
    for path in packed.empty:
        click.echo(f"note: no picture of {path}: it has no square of {LEAST} pixels without nodata", err=True)


if __name__ == "__main__":
    main()
