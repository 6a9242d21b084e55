"""Upsamplers: more pixels than there were. What they add to interpolation is marked as such."""
