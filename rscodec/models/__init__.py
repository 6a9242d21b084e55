"""Which models there are, and how a name becomes weights. Rows are resolved when they are used.

May import: bitstreams, codec. Read first: `registry.py`, then `weights.py`.
"""
