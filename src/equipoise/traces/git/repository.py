"""A git repository as it is read: one commit and all that lies behind it, by git itself, whatever its settings are."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from equipoise.errors import InputError, Place

COMPLAINT_MAX = 300
REGULAR = ("100644", "100755", "100664")  # not symbolic links (120000) nor submodules (160000)

# Settings of the user, the machine or the repository that would change what git prints, or start other programs.
SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "diff.ignoreSubmodules": "none",
    "diff.orderFile": os.devnull,
    "i18n.logOutputEncoding": "UTF-8",
    "log.follow": "false",
    "log.showRoot": "true",
    "log.showSignature": "false",
    "mailmap.blob": "HEAD:.mailmap",  # also where there is no working tree
}
# A partial clone would fetch what it lacks, one object after the other: it may not, so that git fails instead.
ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",  # git 2.44 and later
    "GIT_NO_REPLACE_OBJECTS": "1",  # replaced commits could hide a part of the history
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository and the commit that it is read up to.

    Parameters
    ----------
    path : Path
    name : str
        The last part of its path.
    commit : str
        Hash of the commit.
    when_s : int
        Its time, since 1970.
    """

    path: Path
    name: str
    commit: str
    when_s: int

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, revision: str = "HEAD") -> Repository:
        """Find a repository and a commit in it.

        Raises
        ------
        InputError
            K101 git is not there; K102 no repository; K103 the history is cut off (a shallow clone, grafts); K104 no such
            commit, or none at all; K105 git cannot read it.
        """
        root = Path(path)
        if not root.is_dir():
            raise InputError("K102", f"{str(path)!r} is no folder", hint="name the folder of a git repository")
        place = Place(str(path))
        try:
            shallow = _ask(root, "rev-parse", "--is-shallow-repository")
            grafts = root / _ask(root, "rev-parse", "--git-path", "info/grafts")
        except subprocess.CalledProcessError as error:
            raise InputError(
                "K102",
                f"git does not read it: {_complaint(error.stderr)}",
                hint="name the folder of a git repository",
                place=place,
            ) from error
        if shallow != "false" or (grafts.is_file() and grafts.stat().st_size):
            raise InputError(
                "K103",
                "its history is cut off, and figures of a part of a history would be wrong",
                hint="fetch the rest: git fetch --unshallow (or remove .git/info/grafts)",
                place=place,
            )
        try:
            commit = _ask(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except subprocess.CalledProcessError as error:
            raise InputError(
                "K104", f"it has no commit {revision!r}", hint="name a branch, tag or commit with --rev", place=place
            ) from error
        found = cls(root, root.resolve().name.removesuffix(".git") or "repository", commit, 0)
        return replace(found, when_s=int(found._asked("show", "--no-patch", "--format=%ct", commit) or 0))

    def commits(self) -> int:
        """Count the commits that are no merges.

        Raises
        ------
        InputError
            K105 where git fails.
        """
        return int(self._asked("rev-list", "--count", "--no-merges", self.commit))

    def tree(self) -> frozenset[str]:
        """Return the paths of the regular files at the commit.

        Raises
        ------
        InputError
            K105 where git fails.
        """
        listed = self._asked("ls-tree", "-r", "-z", "--full-tree", self.commit)
        entries = (entry.split("\t", 1) for entry in listed.split("\0") if entry)
        return frozenset(path for head, path in entries if head.startswith(REGULAR))

    def start(self, *words: str, errors: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a git command of the repository, with its output as a pipe."""
        return subprocess.Popen(
            git(*words),
            cwd=self.path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )

    def _asked(self, *words: str) -> str:
        try:
            return _ask(self.path, *words)
        except subprocess.CalledProcessError as error:
            raise failure(error.stderr, Place(str(self.path))) from error


def git(*words: str) -> list[str]:
    """Return a git command with the settings that this reading relies on."""
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return ["git", "--no-pager", *settings, *words]


def environment() -> dict[str, str]:
    """Return the environment without what would point git elsewhere (``GIT_DIR`` and the like)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | ENVIRONMENT


def text_of(output: bytes) -> str:
    """Decode what git printed; bytes that are not UTF-8, in names of files perhaps, stay apart from each other."""
    return output.decode("utf-8", "surrogateescape")


def failure(errors: bytes, place: Place) -> InputError:
    """Return the error for a git command that failed or did not finish."""
    return InputError(
        "K105",
        f"git could not read the whole history: {_complaint(errors)}",
        hint="check it with git fsck; a clone without trees (--filter=tree:0) lacks what is needed, one without blobs does not",
        place=place,
    )


def _complaint(errors: bytes) -> str:
    return " ".join(errors.decode("utf-8", "replace").split())[:COMPLAINT_MAX] or "it ended without a word"


def _ask(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            git(*words), cwd=root, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, check=True
        )
    except FileNotFoundError as error:
        raise InputError("K101", "git is not installed, or not found", hint="install git 2.25 or later") from error
    return text_of(done.stdout).removesuffix("\n")
