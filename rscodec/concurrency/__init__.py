"""Threads, worker processes and reading ahead.

May import: bitstreams. Read first: `torch_lock.py`, which lets one network compute at a time.
"""
