"""Diffusion: noise schedules and the samplers that walk them back. Read first: `schedules.py`."""
