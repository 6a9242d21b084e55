"""The registry of models, and how a name becomes weights. A model's module is imported when the model is used.

May import: bitstreams, codec. Read first: `registry.py`, then `weights.py`.
"""
