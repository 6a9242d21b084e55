"""Threads, worker processes and reading ahead.

May import: bitstreams. Read first: `threads.py`, which lets one network compute at a time.
"""
