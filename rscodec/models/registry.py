"""The registry: literal rows. A row imports its class or function when it is used, so importing this module is cheap.

A new codec needs one file, one row here, and a line in bitstreams/wire.py and in SPEC.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Row:
    """`name`: what a user types. `target`: a class or function, as "module:attribute". `models`: the models that it
    loads, by the names in their weights files (for codecs, also in streams).
    """

    name: str
    target: str
    models: tuple[str, ...]
    default_model: str | None  # the weights that ship; None if the user must give them
    summary: str
    public: bool = True  # offered on the command line
    extra: str = "enhance"  # the extra of the package that installs what the row needs

    def load(self) -> Any:
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


PORTABLE = "rscodec.models.portable:portable_codec"
DEFAULT_CODEC = "m"
CODECS = (
    Row("m", PORTABLE, ("rsc-m-1", "rsc-m-2", "rsc-m-3"), "rsc-m-3", "the fewest bits; the default"),
    Row("s", PORTABLE, ("rsc-s-1", "rsc-s-2"), "rsc-s-2", "three times as fast, for a few more bits"),
    Row(
        "elic",
        "rscodec.codec.elic:ElicCodec",
        ("elic-official", "elic-chandelier"),
        None,
        "CompressAI's ELIC with your checkpoint; not portable between kinds of machines",
        extra="elic",
    ),
    Row("vec", PORTABLE, ("vec-1",), None, "the tiny model of the frozen vectors", False),
)


@dataclass(frozen=True)
class EnhancerRow(Row):
    """`takes`: "stream" for streams of our codec (`decode --enhance`), "raster" for any raster (`enhance`)."""

    takes: str = "stream"


LDM_RSIC = "rscodec.enhancers.ldm_rsic:LdmEnhancer"
ENHANCERS = (
    EnhancerRow("ldm", LDM_RSIC, ("ldm-rsic-2",), "ldm-rsic-2", "LDM-RSIC, for streams of our codec"),
    EnhancerRow(
        "ldm-jpeg2000",
        LDM_RSIC,
        ("ldm-jpeg2000-4",),
        "ldm-jpeg2000-4",
        "LDM-RSIC, for JPEG2000 images",
        takes="raster",
    ),
)

UPSAMPLERS = (
    Row("e2diff", "rscodec.upsamplers.e2diffsr:E2DiffUpsampler", ("e2diff-1",), "e2diff-1", "E2DiffSR, for any scale"),
    Row(
        "slimdiff",
        "rscodec.upsamplers.slimdiffsr:SlimDiffUpsampler",
        ("slimdiff-1",),
        "slimdiff-1",
        "SlimDiffSR, in one step, for 4 and 8 times",
    ),
)


MAPPER = "rscodec.carbon.mapper:CarbonMapper"
CARBON = (
    Row("iidm", MAPPER, ("iidm-1",), "iidm-1", "IIDM: the mean of maps that a diffusion model draws"),
    Row("unet", MAPPER, ("carbon-unet-1",), "carbon-unet-1", "a plain U-Net"),
    Row("vae", MAPPER, ("carbon-vae-1",), "carbon-vae-1", "a variational autoencoder"),
    Row("gan", MAPPER, ("carbon-gan-1",), "carbon-gan-1", "a GAN"),
)


def find(rows: tuple[Row, ...], name: str) -> Row:
    """The row of that name. The error for an unknown name lists the known ones."""
    for row in rows:
        if row.name == name:
            return row
    raise ValueError(f"unknown name {name!r}; there are {', '.join(row.name for row in rows)}")


def find_model(rows: tuple[Row, ...], model: str) -> Row:
    """The row that decodes streams of this model."""
    for row in rows:
        if model in row.models:
            return row
    raise ValueError(f"no codec here decodes {model!r}")
