"""Threads, workers and reading ahead.

May import: bitstreams. Read first: `torch_lock.py`: one network computes at a time.
"""
