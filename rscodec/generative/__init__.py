"""Code that enhancers and upsamplers share: pictures, and generating pixels window by window without seams.

May import: bitstreams, raster, stream. Read first: `picture.py`, then `generated_scene.py`.
"""
