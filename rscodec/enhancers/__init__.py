"""Enhancers: what a decoder may add to the pixels that it was given. What they add is marked as such."""
