"""`rio rscodec`: commands of `rscodec` as a plug-in of rasterio's command line.

An error prints one line and gives the same exit code as in `rscodec`.
"""

from __future__ import annotations

import click

from rscodec.bitstreams.errors import RscodecError
from rscodec.cli.main import COMMANDS, Commands, failure, trace
from rscodec.cli.options import Session


class RioCommands(Commands):
    rows = tuple(row for row in COMMANDS if row[0] in ("encode", "decode", "info"))

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except RscodecError as error:
            trace(ctx.obj)
            raise failure(error, ctx.obj.command) from None


@click.group("rscodec", cls=RioCommands)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Compress scenes with a learned codec."""
    ctx.obj = Session()
