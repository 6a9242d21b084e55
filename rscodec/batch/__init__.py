"""Encodes or decodes many scenes: finds the inputs, plans the run, writes the report, resumes.

May import: everything but integrations. Read first: `run.py`.
"""
