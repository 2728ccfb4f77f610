"""Slow, obvious twins: the rules once more, in plain Python, an independent route for tests to every answer."""
