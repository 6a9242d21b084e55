"""`rscodec info`: explains a file. It reads header and index, and needs neither torch nor weights."""

from __future__ import annotations

from pathlib import Path

import click

from rscodec.bitstreams.dump import MEANINGS, Line, explain, missing, totals
from rscodec.bitstreams.errors import TileDamaged
from rscodec.cli import options, paths
from rscodec.cli.output import print_json, print_table
from rscodec.stream.remote import open_stream


@click.command()
@click.argument("stream", type=paths.INPUT)
@options.json_option
@options.debug_option
def command(stream: str | Path, as_json: bool) -> None:
    """Explain STREAM: every header field, the bytes of each section, rate, model and overhead.

    STREAM is a file, a URL, or `-` for standard input.
    """
    with open_stream(stream) as reader:
        lines, sums, metadata, lost = explain(reader), totals(reader), reader.metadata, missing(reader)
    if as_json:
        print_json({"fields": [line._asdict() for line in lines], "totals": sums, "metadata": metadata})
    else:
        print_table([Line._fields, *lines], right=(0, 1))
        click.echo()
        print_table(
            (
                (name, f"{value:.4f}" if isinstance(value, float) else value, MEANINGS.get(name, ""))
                for name, value in sums.items()
            ),
            right=(1,),
        )
    if lost:
        raise TileDamaged(
            f"{stream} is cut off: its last {lost} bytes are missing; fetch it again, or decode "
            "what is there with `rscodec decode --on-error nodata`"
        )
