"""The codec as torch modules for training, and everything else in the codec that needs torch: a GPU, and the search of
effort 1 and above.

May import: bitstreams, codec. Read first: `model.py`, then `export.py`, which makes a weights file from it.
"""
