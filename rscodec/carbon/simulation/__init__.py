"""A simulated county: relief, stands, canopy and satellite imagery. Read first: `county.py`."""
