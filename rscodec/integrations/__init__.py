"""The codec as a plug-in of other tools (xarray, Zarr, numcodecs, STAC): one file and one extra for each.

May import: everything but eval and cli. Only the command line imports it. Read first: `xarray_engine.py`.
"""
