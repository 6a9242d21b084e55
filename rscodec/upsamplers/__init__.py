"""Upsamplers increase the resolution of a scene. Tags mark the detail that they add to interpolation as generated.

May import: the same as enhancers, and enhancers. Read first: `base.py`, then `apply.py`.
"""
