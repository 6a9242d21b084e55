"""Encodes scenes to streams and decodes them: tiles, radiometry, error bounds, previews, checks.

May import: bitstreams, raster, codec, models. Read first: `encoder.py`, then `decoder.py`.
"""
