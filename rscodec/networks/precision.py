"""The number type of float networks where speed counts: bfloat16 where the processor computes it, float32 elsewhere.

    fast_type("cpu")    bfloat16 with AVX512-BF16, AMX or Arm's BF16; others would emulate it, eight times slower
    fast_type("cuda")   bfloat16 from Ampere on

The answer comes from what the processor says of itself, so it is the same in every process of a machine. The
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
    """float32 or bfloat16, whichever the networks run faster in on this kind of device."""
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
    answer = any(known is True for name, known in found.items() if "bf16" in name)
    log.debug("fast networks run in %s on this CPU", "bfloat16" if answer else "float32")
    return answer


def fast(device: str, enabled: bool = True, **options: Any) -> torch.autocast:
    """A context in which the products of float networks have the fast type."""
    return torch.autocast(device, torch.bfloat16, enabled and fast_type(device) is torch.bfloat16, **options)


@contextmanager
def exactly() -> Iterator[None]:
    """Plain sums of products in full float32 inside, whatever the user asked of torch.

    TensorFloat-32 or bfloat16 would round what the exact path counts on, and cuDNN may choose algorithms for
    convolution that are no sums of products.
    """
    with full_precision(), _set([torch.backends.cudnn], "enabled", False):
        yield


@contextmanager
def full_precision() -> Iterator[None]:
    """Neither TensorFloat-32 nor bfloat16 inside."""
    with _plain_products(), torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


def _plain_products() -> AbstractContextManager[None]:
    backends: Any = torch.backends
    cuda, cudnn, mkldnn = backends.cuda, backends.cudnn, backends.mkldnn
    if hasattr(torch.backends, "fp32_precision"):  # torch 2.9 on; it refuses the older switches once these were used
        return _set([cuda.matmul, cudnn.conv, mkldnn.matmul, mkldnn.conv], "fp32_precision", "ieee")
    return _set([cuda.matmul, cudnn], "allow_tf32", False)


@contextmanager
def _set(switches: list[Any], name: str, value: object) -> Iterator[None]:
    """`name` of every switch is `value` inside, and what it was afterwards."""
    before = [getattr(switch, name) for switch in switches]
    try:
        for switch in switches:
            setattr(switch, name, value)
        yield
    finally:
        for switch, old in zip(switches, before, strict=True):
            setattr(switch, name, old)
