"""The codec as a plug-in of other tools (xarray, Zarr, numcodecs, STAC, rio-tiler): one file and one extra for each.

May import: everything but eval and cli. Read first: `xarray_engine.py`.
"""
