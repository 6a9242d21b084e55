"""What training scripts share. Works without compressai and rasterio, so that a bare GPU machine can train.

May import: rooms up to upsamplers. Read first: `loop.py`, then `data.py`.
"""
