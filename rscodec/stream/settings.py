"""Settings for encoding and decoding: the keywords of `rscodec.encode`, `decode_file` and others, checked."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from inspect import Parameter, signature
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import MAX_TILE, QUALITY_MAX, QUALITY_MIN, TILE_UNIT
from rscodec.codec.base import MOST_EFFORT
from rscodec.models.registry import DEFAULT_CODEC

DEFAULT_QUALITY = 3.0
ON_ERROR = ("stop", "nodata")

Progress = Callable[[int, int], None]  # called with (done, all)


@dataclass(frozen=True)
class EncodeSettings:
    """How to encode a scene. `quality`: 1 to 8, continuous, 3 by default. `bpp` (the highest rate) or `psnr` (in dB,
    the lowest) search for the quality.

    `max_error`: the largest error of a valid pixel, in units of the scene. It also chooses the quality, unless
    `quality` is given.

    `effort`: 0 to 9, how long to search for latents that take fewer bits. It does not change decoding.

    `balance`: give errors more weight in bands that vary less, so that these bands keep their detail.

    `weights`: a file that replaces the packaged weights. `tile`: edge in pixels. `threads`: CPU threads, all by
    default.

    >>> import rscodec
    >>> rscodec.EncodeSettings(psnr=40).has_target
    True
    >>> rscodec.EncodeSettings(quality=9)
    Traceback (most recent call last):
        ...
    rscodec.bitstreams.errors.InputError: `quality=9`: give a number from 1 to 8
    """

    quality: float | None = None
    bpp: float | None = None
    psnr: float | None = None
    max_error: float | None = None
    effort: int = 0
    balance: bool = False
    model: str = DEFAULT_CODEC
    weights: str | Path | None = None
    tile: int = 512
    device: str = "cpu"
    threads: int | None = None

    def __post_init__(self) -> None:
        if not is_whole(self.tile) or self.tile not in range(TILE_UNIT, MAX_TILE + 1, TILE_UNIT):
            raise InputError(f"`tile={self.tile}`: give a multiple of {TILE_UNIT}, at most {MAX_TILE}")
        if not is_whole(self.effort) or self.effort not in range(MOST_EFFORT + 1):
            raise InputError(f"`effort={self.effort}`: give a whole number from 0 to {MOST_EFFORT}")
        check_types(self)
        for name, goal in (("bpp", self.bpp), ("psnr", self.psnr)):
            if goal is not None and not 0 < goal < float("inf"):
                raise InputError(f"`{name}={goal}`: give a number above 0")
        if self.bpp is not None and self.psnr is not None:
            raise InputError("`bpp` and `psnr` exclude each other; give one of them")
        if self.quality is not None and self.has_target:
            raise InputError("`quality` excludes `bpp` and `psnr`, which find the quality; give one of them")
        if self.max_error is not None and self.has_target:
            raise InputError("`max_error` excludes `bpp` and `psnr`; give `quality` with it, or none of them")
        if self.max_error is not None and not 0 <= self.max_error < float("inf"):
            raise InputError(f"`max_error={self.max_error}`: give 0 or more")
        if self.quality is not None and not QUALITY_MIN <= self.quality <= QUALITY_MAX:
            raise InputError(f"`quality={self.quality}`: give a number from {QUALITY_MIN:g} to {QUALITY_MAX:g}")

    @property
    def has_target(self) -> bool:
        return self.bpp is not None or self.psnr is not None


@dataclass(frozen=True)
class DecodeSettings:
    """How to decode a stream. `weights`: a file that replaces the packaged weights.

    `on_error`: "stop" at a damaged tile, or make it nodata and continue ("nodata").
    """

    weights: str | Path | None = None
    device: str = "cpu"
    on_error: str = "stop"

    def __post_init__(self) -> None:
        check_types(self)
        if self.on_error not in ON_ERROR:
            raise InputError(f"`on_error={self.on_error}`: give {' or '.join(ON_ERROR)}")


Function = TypeVar("Function", bound=Callable)


def takes(*kinds: type) -> Callable[[Function], Function]:
    """Give a function with **settings the signature that names the fields of these kinds, for `help` and completion."""

    def decorate(function: Function) -> Function:
        own = signature(function)
        named = [one for one in own.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
        others = {one.name for one in named}
        added = [
            Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
            for kind in kinds
            for field in fields(kind)
            if field.name not in others
        ]
        function.__signature__ = own.replace(parameters=[*named, *added])  # type: ignore[attr-defined]
        return function

    return decorate


def settings_of(given: dict, *kinds: type) -> list:
    """Sort keywords into settings: one object of each of these kinds."""
    names = [[field.name for field in fields(kind)] for kind in kinds]
    known = [name for some in names for name in some]
    for name in given.keys() - set(known):
        raise InputError(f"there is no setting {name}; there are {', '.join(known)}")
    return [
        kind(**{name: given[name] for name in some if name in given}) for kind, some in zip(kinds, names, strict=True)
    ]


def check_types(settings: Any) -> None:
    """Raise InputError for a field of a dataclass whose value is not of its type. Types that are not in KINDS are not
    checked.
    """
    for field in fields(settings):
        value, kinds = getattr(settings, field.name), str(field.type).split(" | ")
        if all(kind in KINDS for kind in kinds) and not any(KINDS[kind].holds(value) for kind in kinds):
            words = " or ".join(dict.fromkeys(KINDS[kind].words for kind in kinds))
            raise InputError(f"`{field.name}={value!r:.80}`: give {words}")


class Kind(NamedTuple):
    """Which values are of a type, and how messages name the type."""

    holds: Callable[[object], bool]
    words: str


KINDS = {
    "float": Kind(lambda value: isinstance(value, Real) and not isinstance(value, bool), "a number"),
    "int": Kind(lambda value: is_whole(value), "a whole number"),
    "bool": Kind(lambda value: isinstance(value, (bool, np.bool_)), "True or False"),
    "str": Kind(lambda value: isinstance(value, str), "a string"),
    "Path": Kind(lambda value: isinstance(value, os.PathLike), "a path"),
    "dict": Kind(lambda value: isinstance(value, dict), "a dictionary"),
    "None": Kind(lambda value: value is None, "None"),
}


def is_whole(value: object) -> bool:
    """Whether a value is an integer of Python or numpy. Floats without a fraction and booleans are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)
