"""`rscodec info`: what a file says of itself. Reads header and index; needs neither torch nor weights."""

from __future__ import annotations

from pathlib import Path

import click

from bitstreams import dump
from bitstreams.container import StreamReader
from cli import options
from cli.output import print_json, print_table


@click.command()
@click.argument("stream", type=options.PATH)
@options.json_option
@options.debug_option
def command(stream: Path, as_json: bool) -> None:
    """Explain STREAM: every header field, the bytes of each section, rate, model and overhead."""
    with StreamReader.from_path(stream) as reader:
        fields, totals = dump.explain(reader), dump.totals(reader)
    if as_json:
        names = ("offset", "size", "field", "value", "meaning")
        print_json({"fields": [dict(zip(names, row, strict=True)) for row in fields], "totals": totals})
        return
    print_table([("offset", "size", "field", "value", "meaning"), *fields], right=(0, 1))
    click.echo()
    print_table(totals.items(), right=(1,))
