"""The parts that training scripts share. They need no compressai and no rasterio, so that a bare GPU machine can train.

May import: packages up to upsamplers. Read first: `loop.py`, then `data.py`.
"""
