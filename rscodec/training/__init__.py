"""What training scripts share. Works without compressai and rasterio, so that a bare GPU machine can train.

May import: everything but carbon, batch and integrations. Read first: `loop.py`, then `data.py`.
"""
