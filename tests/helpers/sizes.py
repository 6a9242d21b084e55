"""The tiny codec of tests: its sizes, its weights, and its tiles."""

from __future__ import annotations

from pathlib import Path

from rscodec.codec.config import MEDIUM, CodecConfig
from rscodec.models.registry import CODECS, DEFAULT_CODEC, find

TINY = CodecConfig(
    width=12, encoder_blocks=1, decoder_blocks=2, tail=8, groups=(6, 12, 18), features=16, hyper=6, narrow=8
)
WEIGHTS = Path(__file__).with_name("tiny.safetensors")  # written by tests.helpers.models.write, which needs torch
SHIPPED = find(CODECS, DEFAULT_CODEC).default_model
CONFIGS = {"vec-1": TINY, SHIPPED: MEDIUM}
TILE = 64  # pixels: small scenes have many tiles
