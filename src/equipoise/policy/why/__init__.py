"""Why does a job not run? One binding constraint with its numbers, who holds what it waits for, and what would start it now.

`explain.explain` is the main path. It reads the state of a core between two batches of events, asks the kernel's own functions
(`inquiry`), takes the one answer that binds (`constraint`), and tries changes on copies until the smallest of each kind is found
(`change`). Nothing of the core is touched.
"""

from equipoise.policy.why.explain import explain
from equipoise.policy.why.explanation import Change, Constraint, Explanation, Holder, Occupant, Turn, Warned

__all__ = ["Change", "Constraint", "Explanation", "Holder", "Occupant", "Turn", "Warned", "explain"]
