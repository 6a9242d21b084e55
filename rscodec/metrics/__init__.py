"""How far a reconstruction is from its original: pixel errors and perceptual metrics.

May import: bitstreams. Read first: `pixels.py`.
"""
