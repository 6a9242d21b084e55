"""The codec as torch modules, which are trained, and what torch adds to it: a GPU, the search of effort 2 and more.

May import: bitstreams, codec. Read first: `model.py`, then `export.py`, which makes the weights file of it.
"""
