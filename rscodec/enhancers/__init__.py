"""Enhancers: what a decoder adds to the pixels that it was given. Added pixels are marked as generated.

May import: bitstreams, raster, codec, models, stream, generative. Read first: `base.py`, then `apply.py`.
"""
