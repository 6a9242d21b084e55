"""`rscodec view` shows streams in a browser."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from rscodec.cli import options, paths


@click.command()
@click.argument("stream", type=paths.INPUT, metavar="STREAM|URL|FOLDER")
@click.option(
    "--against",
    type=paths.INPUT,
    metavar="SCENE",
    help="Show the stream beside its original or another stream, with a handle to compare.",
)
@options.against_bands_option
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="any", help="Port of the page.")
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
@click.option(
    "--export",
    "folder",
    type=paths.PATH,
    metavar="DIR",
    help="Write the page and the streams to a folder for any web server, instead of serving them.",
)
@options.weights_option
@options.overwrite_option
@options.quiet_option
@options.debug_option
def command(
    stream: str | Path,
    against: str | Path | None,
    bands: tuple[int, ...] | None,
    port: int,
    no_browser: bool,
    folder: Path | None,
    weights: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Show STREAM, or the streams in FOLDER, in a browser, which decodes the visible part.

    The command serves the page to this machine only, until Ctrl-C.
    """
    if bands and against is None:
        raise click.UsageError("--bands are those of a scene to compare with: give --against, too")

    from rscodec.viewer.site import Site

    with closing(Site(stream, against, bands, weights)) as site:
        if folder is not None:
            write(site, folder, overwrite, quiet)
        else:
            serve(site, port, not no_browser)


def write(site, folder: Path, overwrite: bool, quiet: bool) -> None:
    from rscodec.viewer.export import export

    size = export(site, folder, overwrite)
    if not quiet:
        click.echo(f"{folder}: {size / 1e6:.1f} MB; serve it, for instance with `python -m http.server -d {folder}`")


def serve(site, port: int, browse: bool) -> None:
    import threading
    import webbrowser

    from rscodec.viewer.server import Server

    with Server(site, port) as server:
        click.echo(f"{server.address} (Ctrl-C ends it)")
        if browse:
            # A browser in the terminal does not return before the user leaves it, and needs the server until then.
            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()
