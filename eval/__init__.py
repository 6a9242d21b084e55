"""Measures any codec and any anchor on any folder of scenes. Nothing here changes a model."""
