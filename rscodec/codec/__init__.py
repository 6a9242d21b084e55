"""Turns tiles of pixels into bytes and back: float transforms around an exact integer entropy path, on NumPy alone.

May import: bitstreams. Knows neither files nor streams. Read first: `base.py` (the contract), then `portable.py`.
"""
