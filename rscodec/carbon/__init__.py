"""Forest carbon from imagery: an inventory becomes a map, and models learn to read the map off pixels.

May import: everything but batch and integrations. Read first: `prepare.py` and `predict.py`; `iidm.py` is the model.
"""
