"""What enhancers and upsamplers share: a picture to generate from, window by window, without seams.

May import: bitstreams, raster, stream. Read first: `picture.py`, then `generated_scene.py`.
"""
