"""Forest carbon from imagery: makes a map from an inventory, and trains models that estimate the map from pixels.

May import: packages up to api. Read first: `prepare.py` and `predict.py`; `iidm.py` is the model.
"""
