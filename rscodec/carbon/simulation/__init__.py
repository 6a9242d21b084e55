"""A simulated county: relief, stands, canopy, and what a satellite sees of it. Read first: `county.py`."""
