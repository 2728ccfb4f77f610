"""Statistics about people, always of groups of eight or more, never of one.

`knowledge` says what a lab's people know, from the changes they made to its files.
"""
