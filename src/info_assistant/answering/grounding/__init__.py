"""Grounding: whether the passages that a written sentence cites really say it."""
