"""A scene to a stream and back: tiles, radiometry, validity, error bounds, previews, checks.

May import: bitstreams, raster, codec, models. Read first: `encoder.py`, then `decoder.py`.
"""
