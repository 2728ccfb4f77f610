"""The audit: every recorded event told to the policy again, every decision compared with what was recorded.

The main path: a `Book` reads the entries of a ledger in order, and `audit` re-executes them and says what does not agree. It
takes nobody's word for what a charter required; what it cannot know (whether what was recorded happened, and whether all that
happened was recorded) `Audit.residual` lists.
"""

from __future__ import annotations

from equipoise.audit.book import Book
from equipoise.audit.execution import Audit, audit
from equipoise.audit.finding import Finding

__all__ = ["Audit", "Book", "Finding", "audit"]
