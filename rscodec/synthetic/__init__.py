"""Synthetic scenes for tests and demonstrations. A seed gives the same scene on every machine.

May import: bitstreams, raster. Read first: `sample.py`.
"""
