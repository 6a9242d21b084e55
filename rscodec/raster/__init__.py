"""Raster files, pixels and what is said of them. Nothing here knows the codec.

May import: bitstreams. Read first: `pixel_source.py` (what an encoder reads from), then `reader.py` and `writer.py`.
"""
