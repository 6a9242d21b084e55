"""Threads, worker processes and reading ahead: how many threads there are, and what they do in parallel.

May import: bitstreams. Read first: `threads.py`.
"""
