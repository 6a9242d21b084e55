"""How far a reconstruction is from its original: pixel by pixel, and as people see it.

May import: bitstreams. Read first: `pixels.py`.
"""
