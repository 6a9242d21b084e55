"""Synthetic scenes, the same on every machine for a seed. Tests and demonstrations use them.

May import: bitstreams, raster. Read first: `sample.py`.
"""
