"""Habits of users of GDAL, rasterio and JPEG XL: forms that rscodec accepts, and advice on forms that it does not.

--window 0,0,512,512     the same as --window 0 0 512 512
-ot Byte, -d 1, ...      a line that says what to type instead
"""

from __future__ import annotations

from collections.abc import Iterator

import click

CORNERS = ("--window", "-srcwin", "--projwin", "-projwin")  # options with four numbers

SUBSET = "use --window COL ROW WIDTH HEIGHT, or --projwin ULX ULY LRX LRY"
CHANGE = "change the scene with gdal_translate or rio, before `rscodec encode` or after `rscodec decode`"
QUALITY = "use --quality from 1 to 8, --bpp, --psnr or --max-error"

ADVICE = {
    "-of": "the format of the output is fixed",
    "-co": "the format of the output is fixed; see the options in --help",
    "-srcwin": "only `rscodec decode` takes a window",
    "-projwin": "only `rscodec decode` takes a window",
    "--window": "only `rscodec decode` takes a window",
    "-ot": f"pixels keep their type; {CHANGE}",
    "-scale": "values are kept; --preview N --stretch LOW,HIGH of `rscodec decode` writes a stretched picture",
    "-outsize": "use --preview N of `rscodec decode`, or --scale of `rscodec upscale`",
    "-r": "use --preview N of `rscodec decode`, which averages",
    "-tr": f"the grid is kept; {CHANGE}",
    "-t_srs": f"the CRS is kept; {CHANGE}",
    "--dst-crs": f"the CRS is kept; {CHANGE}",
    "-a_srs": f"the CRS is kept; {CHANGE}",
    "-mo": f"tags are kept; {CHANGE}",
    "-expand": CHANGE,
    "-oo": "open options of GDAL are not supported; write a .vrt with them",
    "-sds": "name one subdataset, as in NETCDF:file.nc:name",
    "-stats": "use `rscodec info`, or `gdalinfo -stats` on the decoded scene",
    "-projwin_srs": "--projwin takes coordinates in the CRS of the scene",
    "-te": f"{SUBSET} of `rscodec decode`",
    "--bounds": f"{SUBSET} of `rscodec decode`",
    "--bidx": "use --bands",
    "-bands": "use --bands",
    "-f": "use --format",
    "--driver": "use --format",
    "--profile": "use --co NAME=VALUE",
    "-overwrite": "use --overwrite",
    "-quiet": "use --quiet",
    "-j": "use --threads, or --workers",
    "--jobs": "use --threads, or --workers",
    "--num_threads": "use --threads",
    "-d": QUALITY,
    "--distance": QUALITY,
    "-e": "use --effort",
    "--ratio": "use --bpp: the bits per pixel of the scene, divided by the ratio",
    "--verbose": "use --debug to see the traceback of an error",
    "-v": "use --debug to see the traceback of an error, or -V for the version",
    "--recursive": "use a quoted pattern with `rscodec batch`, such as 'folder/**/*.tif'",
    "--out-dir": "use --out with `rscodec batch`",
}

OTHER_NAMES = {
    "compress": "`rscodec encode`",
    "decompress": "`rscodec decode`",
    "convert": "`rscodec encode` or `rscodec decode`",
    "translate": "`rscodec encode` or `rscodec decode`",
    "cat": "`rscodec decode`",
    "show": "`rscodec view`",
    "gdalinfo": "`rscodec info`",
    "inspect": "`rscodec info`",
    "check": "`rscodec verify`",
    "diff": "`rscodec validate` or `rscodec verify --against`",
    "compare": "`rscodec validate` or `rscodec verify --against`",
    "preview": "`rscodec decode --preview N`",
    "thumbnail": "`rscodec decode --preview N`",
    "clip": "`rscodec decode --window COL ROW WIDTH HEIGHT`",
    "bench": "`rscodec eval`",
    "help": "`rscodec COMMAND --help`",
    "version": "`rscodec --version`",
}


def familiar(args: list[str], command: click.Command) -> Iterator[str]:
    """The arguments of a command. After an option for a window, `a,b,c,d` becomes four arguments.

    Raises a usage error with advice for an option that the command lacks.
    """
    known, before = options_of(command), ""
    for arg in args:
        name, equals, value = arg.partition("=")
        if name in ADVICE and name not in known:
            raise click.UsageError(f"there is no {name}: {ADVICE[name]}")
        if before in CORNERS and arg.count(",") == 3:
            yield from arg.split(",")
        elif name in CORNERS and equals and value.count(",") == 3:
            yield from (name, *value.split(","))
        else:
            yield arg
        before = arg


def options_of(command: click.Command) -> set[str]:
    """The names of the options of a command and of the commands in it."""
    names = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
    inner = command.list_commands(click.Context(command)) if isinstance(command, click.Group) else []
    return names.union(*(options_of(command.get_command(click.Context(command), name)) for name in inner))
