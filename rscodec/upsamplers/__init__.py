"""Upsamplers: more pixels than there were. What they add to interpolation is marked as generated.

May import: what enhancers may, and enhancers. Read first: `base.py`, then `apply.py`.
"""
