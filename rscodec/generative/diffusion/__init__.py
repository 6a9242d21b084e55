"""Diffusion: noise schedules, and samplers that remove the noise. Read first: `schedules.py`."""
