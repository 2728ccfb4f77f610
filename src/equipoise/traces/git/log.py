"""Streams ``git log`` into a history.

Only hash, author, time and names of changed files are asked for, each ended by NUL, and read by their position: what a message
says is never seen, and no name can pass for a record. Blobs are not read either, so size and kind of a file do not matter.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO

from equipoise.errors import Place
from equipoise.people.knowledge.history import History
from equipoise.people.knowledge.identities import Identities
from equipoise.traces.git.repository import Repository, failure, text_of

BLOCK = 1 << 18
FORMAT = "%H%x00%aN%x00%aE%x00%ct"
STATUS_MAX = 5  # R100 after a line end; a hash has 40 or 64 letters
HASH_LENGTHS = (40, 64)
RENAMES = {"exact": "-M100%", "similar": "-M50%"}

Told = Callable[[int, int], None]
"""Gets how many commits were read, of how many."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A history as it was read.

    Parameters
    ----------
    history : History
    tree : frozenset of str
        Paths of the files at its end.
    waited_s : float
        Seconds of waiting for git's output.
    """

    history: History
    tree: frozenset[str]
    waited_s: float


class _Blocks:
    """The texts between NULs of a stream, in lists, and the seconds of waiting for it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.waited_s = 0.0
        self.rest = b""

    def __iter__(self) -> Iterator[list[str]]:
        pieces: list[bytes] = []
        while block := self._read():
            cut = block.rfind(b"\0")
            if cut < 0:
                pieces.append(block)
                continue
            pieces.append(block[:cut])
            yield text_of(b"".join(pieces)).split("\0")
            pieces = [block[cut + 1 :]]
        self.rest = b"".join(pieces)

    def _read(self) -> bytes:
        begun_s = time.perf_counter()
        block = self._stream.read(BLOCK)
        self.waited_s += time.perf_counter() - begun_s
        return block


def read(
    repository: Repository,
    identities: Identities,
    *,
    name: str | None = None,
    renames: str = "exact",
    progress: Told | None = None,
) -> Reading:
    """Read the whole history of a repository up to its commit.

    Merges are left out: what they bring is in the commits that they merge. Commits come by date, but parents first. That
    none is missing is checked by git's exit status and by counting the commits in another way.

    Parameters
    ----------
    name : str or None
        What to call it; None: as the repository calls itself.
    renames : str
        ``exact``: only files moved unchanged keep their history; ``similar``: also those changed by less than half, for which
        git compares contents, so it takes long and needs them.
    progress : callable or None

    Raises
    ------
    InputError
        K105 where git fails, or prints something else than a whole history.
    """
    place = Place(str(repository.path))
    expected = repository.commits()
    history = History(name or repository.name, identities)
    words = ["--no-merges", "--date-order", "--reverse", "--name-status", RENAMES[renames], "-l0", "--no-relative"]
    words += [
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "-z",
        f"--format=tformat:{FORMAT}",
        repository.commit,
        "--",
    ]
    with tempfile.TemporaryFile() as errors:
        process = repository.start("log", *words, errors=errors)
        assert process.stdout is not None
        blocks = _Blocks(process.stdout)
        complete = False
        try:
            complete = (
                replay(blocks, history, until_s=repository.when_s, each=_paced(progress, expected)) and not blocks.rest
            )
        finally:
            process.stdout.close()
            if not complete:
                process.kill()
            code = process.wait()
        errors.seek(0)
        said = errors.read()
    if code != 0 or not complete or len(history.who) != expected:
        counted = f"{len(history.who)} of {expected} commits were read"
        raise failure(said or counted.encode(), place)
    return Reading(history, repository.tree(), blocks.waited_s)


def replay(
    blocks: Iterable[list[str]], history: History, *, until_s: int, each: Callable[[int], None] | None = None
) -> bool:
    """Replay the texts of ``git log`` and return whether they were whole records.

    A record is hash, name, address and time, then for each changed file a status and a path, or for a rename two; the
    first status follows a line end. A commit that claims to be later than ``until_s``, the time of the last one, is of that time:
    a clock was wrong.
    """
    texts = chain.from_iterable(blocks)
    number, add = history.identities.number, history.add
    who = when_s = -1
    entries: list[str] = []
    renames: list[tuple[str, str]] = []
    begun = False
    try:
        for text in texts:
            if len(text) <= STATUS_MAX:
                status = text.lstrip("\n")
                if status[0] == "R":
                    renames.append((next(texts), next(texts)))
                else:
                    entries.append(status)
                    entries.append(next(texts))
                continue
            if begun:
                add(who, when_s, entries, renames)
                entries, renames = [], []
            if len(text) not in HASH_LENGTHS:
                return False
            begun = True
            who = number(next(texts), next(texts))
            when_s = min(_seconds(next(texts), when_s), until_s)
            if each is not None:
                each(len(history.who))
        if begun:
            add(who, when_s, entries, renames)
    except (StopIteration, ValueError, IndexError):
        return False
    return True


def _seconds(text: str, before_s: int) -> int:
    """Return a time; a commit whose line of the committer is broken has none, and gets that of the one before."""
    return int(text) if text else max(before_s, 0)


def _paced(progress: Told | None, total: int) -> Callable[[int], None] | None:
    """Return what is called at every commit and tells every thousandth."""
    if progress is None:
        return None

    def each(done: int) -> None:
        if done % 1000 == 0:
            progress(done, total)

    return each
