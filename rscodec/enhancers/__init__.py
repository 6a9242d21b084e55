"""Enhancers add generated detail to decoded pixels. Tags mark enhanced pixels as generated.

May import: bitstreams, raster, codec, networks, models, stream, generative. Read first: `base.py`, then `apply.py`.
"""
