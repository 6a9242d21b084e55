"""The codec as torch modules for training, and all else that needs torch: use of a GPU, the search of effort 1 and
more.

May import: bitstreams, codec. Read first: `model.py`, then `export.py`, which makes a weights file from it.
"""
