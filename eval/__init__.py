"""Measures codecs and anchors on folders of scenes. Nothing here changes a model.

rd.py         rate and distortion       anchors/      codecs that ours is compared with
contenders.py rows of a comparison      baselines/    published points
bd.py         Bjontegaard deltas        report.py     the page; plots.py, pictures.py, table.py its parts
speed.py      time and memory           sr.py         super-resolution
features.py   for the Fréchet distance  carbon.py     forest carbon

May import: everything but cli. Read first: `rd.py`, then `anchors/base.py`.
"""
