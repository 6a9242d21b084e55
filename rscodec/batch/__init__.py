"""Many scenes: which ones, the plan, the report, resuming.

May import: everything but integrations. Read first: `run.py`.
"""
