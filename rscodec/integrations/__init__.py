"""The codec inside other tools (xarray, Zarr, numcodecs, STAC): one file each, one extra each.

The outer ring: nothing inside imports it. Read first: `xarray_engine.py`.
"""
