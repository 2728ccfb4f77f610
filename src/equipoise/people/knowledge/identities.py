"""Who is who: the names and e-mail addresses of commits, and which of them are one person."""

from __future__ import annotations

BOT = "[bot]"
NOBODYS = frozenset(
    {"", "git", "info", "mail", "me", "nobody", "none", "no-reply", "noreply", "root", "unknown", "user", "you"}
)
"""What stands before the @ of addresses that many people have."""


class Identities:
    """Numbers for pairs of name and e-mail address, in the order they are met.

    Examples
    --------
    >>> identities = Identities()
    >>> [identities.number(*who) for who in [("A B", "a@x"), ("Ann", "c@x"), ("a  b", "A@y"), ("Ann", "C@X")]]
    [0, 1, 2, 3]
    >>> identities.people()
    [0, 1, 0, 1]
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, name: str, email: str) -> int:
        """Return the number of an identity."""
        return self._numbers.setdefault((name, email), len(self._numbers))

    def pairs(self) -> list[tuple[str, str]]:
        """Return name and address by number."""
        return list(self._numbers)

    def people(self, *, merge: bool = True) -> list[int]:
        """Return, by identity, the least identity of the same person.

        Two are one person if they share an address or a name of two words or more, capitals and blanks aside. Addresses like
        ``root@…`` and single words are too common to tell. This is on top of what .mailmap says, which git has applied. It leaves out
        one step of Avelino et al. (2016), who also unite names that differ by one letter.

        Parameters
        ----------
        merge : bool
            False: only identical pairs are one person.
        """
        least = list(range(len(self._numbers)))
        if not merge:
            return least
        seen: dict[tuple[str, str], int] = {}
        for number, (name, email) in enumerate(self._numbers):
            words = name.casefold().split()
            address = email.strip().casefold()
            keys = [("email", address)] if "@" in address and address.split("@")[0] not in NOBODYS else []
            if len(words) > 1:
                keys.append(("name", " ".join(words)))
            for key in keys:
                _unite(least, number, seen.setdefault(key, number))
        return [_root(least, number) for number in range(len(least))]

    def bots(self) -> frozenset[int]:
        """Return the identities whose name or address says that they are programs, as GitHub's do: ``name[bot]``."""
        return frozenset(
            number
            for number, (name, email) in enumerate(self._numbers)
            if name.endswith(BOT) or email.split("@")[0].endswith(BOT)
        )


def _root(least: list[int], number: int) -> int:
    while least[number] != number:
        least[number] = least[least[number]]
        number = least[number]
    return number


def _unite(least: list[int], one: int, other: int) -> None:
    first, second = sorted((_root(least, one), _root(least, other)))
    least[second] = first
