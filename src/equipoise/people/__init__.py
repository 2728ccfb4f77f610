"""Statistics about people, always of groups of eight or more, never of one.

`knowledge` says what a lab's people know, from the changes they made to its files; `hazard` how likely they are to leave, from
starvation, broken promises, contagion and outside pull. What eight means is in groups.py.
"""
