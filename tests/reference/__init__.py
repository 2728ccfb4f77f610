"""Slow, obvious twins: the rules once more, in plain Python, so that tests have an independent route to every answer."""
