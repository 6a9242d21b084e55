"""Raster files: pixels and metadata. Nothing here knows the codec.

May import: bitstreams. Read first: `pixel_source.py` (what an encoder reads from), then `reader.py` and `writer.py`.
"""
