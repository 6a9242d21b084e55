"""The number type of float networks where speed matters: bfloat16 if the processor supports it, otherwise float32.

    fast_type("cpu")    bfloat16 with AMX, Arm's BF16 or AMD's AVX512-BF16
    fast_type("cuda")   bfloat16 on Ampere and later

Other CPUs emulate bfloat16, which is eight times slower. Intel's CPUs without AMX may have AVX512-BF16, but their
products in bfloat16 take twice the time of those in float32 (LOG, 2026-12-01).

The answer depends only on the features that the processor reports, so it is the same in every process of a machine. The
environment variable RSCODEC_FAST_TYPE (float32 or bfloat16) overrides it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import torch

from rscodec.bitstreams.errors import InputError

OVERRIDE = "RSCODEC_FAST_TYPE"
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
log = logging.getLogger(__name__)


def fast_type(device: str) -> torch.dtype:
    """Return float32 or bfloat16: the type in which the networks run faster on this kind of device."""
    wanted = os.environ.get(OVERRIDE)
    if wanted:
        if wanted not in TYPES:
            raise InputError(f"{OVERRIDE}={wanted} names no number type; give one of {', '.join(TYPES)}")
        return TYPES[wanted]
    return torch.bfloat16 if _computes_bfloat16(device) else torch.float32


@cache
def _computes_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    native = {name for name, known in found.items() if "bf16" in name and known is True}
    if str(found.get("cpu_name")).startswith("Intel"):
        native.discard("avx512_bf16")
    answer = bool(native)
    log.debug("fast networks run in %s on this CPU", "bfloat16" if answer else "float32")
    return answer


def fast(device: str, enabled: bool = True, **options: Any) -> torch.autocast:
    """Return a context in which the products of float networks have the fast type."""
    return torch.autocast(device, torch.bfloat16, enabled and fast_type(device) is torch.bfloat16, **options)


@contextmanager
def exactly() -> Iterator[None]:
    """Compute products as plain sums in full float32 inside, whatever the user configured in torch.

    TensorFloat-32 or bfloat16 would round numbers that the exact path needs, and cuDNN may choose algorithms for
    convolution that are not sums of products.
    """
    with full_precision(), _set([torch.backends.cudnn], "enabled", False):
        yield


@contextmanager
def full_precision() -> Iterator[None]:
    """Use neither TensorFloat-32 nor bfloat16 inside."""
    with _plain_products(), torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


def _plain_products() -> AbstractContextManager[None]:
    backends: Any = torch.backends
    cuda, cudnn, mkldnn = backends.cuda, backends.cudnn, backends.mkldnn
    # torch 2.9 and later, which refuses the older switches once the new ones were used
    if hasattr(torch.backends, "fp32_precision"):
        return _set([cuda.matmul, cudnn.conv, mkldnn.matmul, mkldnn.conv], "fp32_precision", "ieee")
    return _set([cuda.matmul, cudnn], "allow_tf32", False)


@contextmanager
def _set(switches: list[Any], name: str, value: object) -> Iterator[None]:
    """Set `name` of every switch to `value` inside, and restore the old values afterwards."""
    before = [getattr(switch, name) for switch in switches]
    try:
        for switch in switches:
            setattr(switch, name, value)
        yield
    finally:
        for switch, old in zip(switches, before, strict=True):
            setattr(switch, name, old)
