"""How models of carbon are trained and distilled. Read first: `run.py`."""
