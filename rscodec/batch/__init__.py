"""Encodes or decodes many scenes: finds the inputs, plans the run, writes the report, resumes.

May import: packages up to carbon. Read first: `run.py`.
"""
