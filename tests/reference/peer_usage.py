"""How Slurm turns past usage into an order: the classic fair-share factor and the ranks of Fair Tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Account:
    """One account or user of the tree; the root has no parent. ``usage`` is that of a user, None elsewhere."""

    name: str
    parent: str | None
    shares: Fraction
    usage: Fraction | None


class Accounts:
    """The tree, with what Slurm normalises: shares among siblings, usage by the root's total."""

    def __init__(self, rows: Sequence[Account]) -> None:
        """Index the rows by name and by parent; both keep the order of the rows."""
        self.rows = {row.name: row for row in rows}
        self.root = next(row.name for row in rows if row.parent is None)
        self.below = {name: [row.name for row in rows if row.parent == name] for name in self.rows}

    @property
    def users(self) -> list[str]:
        """Names of the users, in the order of the rows."""
        return [name for name, row in self.rows.items() if row.usage is not None]

    def used(self, name: str) -> Fraction:
        """Return the raw usage of a user, or of all users below an account."""
        own = self.rows[name].usage
        return own if own is not None else sum((self.used(child) for child in self.below[name]), Fraction(0))

    def siblings_share(self, name: str) -> Fraction:
        """Return the shares of a row divided by those of it and its siblings (0 where nobody has any)."""
        parent = self.rows[name].parent
        together = sum(self.rows[other].shares for other in self.below[parent]) if parent else Fraction(0)
        return self.rows[name].shares / together if together else Fraction(0)

    def normal_share(self, name: str) -> Fraction:
        """Return S: the product of the shares along the path."""
        parent = self.rows[name].parent
        return Fraction(1) if parent is None else self.normal_share(parent) * self.siblings_share(name)

    def effective_usage(self, name: str) -> Fraction:
        """Return Ueff: own usage, and by its share a part of what its siblings used."""
        parent = self.rows[name].parent
        own = self.used(name) / self.used(self.root)
        if parent is None or parent == self.root:
            return own
        return own + (self.effective_usage(parent) - own) * self.siblings_share(name)


def classic_factor(tree: Accounts, name: str) -> float:
    """Return 2^(−Ueff/S)."""
    return 2.0 ** -float(tree.effective_usage(name) / tree.normal_share(name))


def fair_tree_order(tree: Accounts) -> list[str]:
    """Return the users, best first: depth first, siblings by level fair share (shares ÷ usage among siblings)."""

    def walk(name: str) -> list[str]:
        if tree.rows[name].usage is not None:
            return [name]
        ordered = sorted(tree.below[name], key=lambda child: _level(tree, child))
        return [user for child in ordered for user in walk(child)]

    return walk(tree.root)


def fair_tree_factors(tree: Accounts) -> dict[str, Fraction]:
    """Return rank ÷ number of users, 1 for the first."""
    order = fair_tree_order(tree)
    return {name: Fraction(len(order) - place, len(order)) for place, name in enumerate(order)}


def _level(tree: Accounts, name: str) -> tuple[bool, Fraction]:
    """Return a key that is least for the largest S ÷ U: usage for the share, without shares last."""
    shares = tree.rows[name].shares
    return (not shares, tree.used(name) / shares if shares else Fraction(0))
