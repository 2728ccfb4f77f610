"""Git repositories made for tests, by git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

DAY_S = 86_400
BEGIN_S = 1_500_000_000

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(path: Path, *words: str | bytes, stdin: bytes = b"") -> str:
    """Run git and return what it printed."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *words],
        cwd=path,
        env=ENVIRONMENT,
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode("utf-8", "surrogateescape").strip()


class Maker:
    """Writes commits one after the other, a day apart, and hands them to `git fast-import`.

    Names, addresses, paths and contents are bytes, so that anything that git takes can be in them.
    """

    def __init__(self, path: Path, *, bare: bool = False, form: str = "sha1") -> None:
        self.path = path
        self.bare = bare
        path.mkdir(parents=True)
        git(path, "init", "--quiet", f"--object-format={form}", "--initial-branch=main", *(["--bare"] if bare else []))
        self._stream: list[bytes] = []
        self._marks = 0

    def commit(
        self,
        who: bytes,
        files: dict[bytes, bytes | None] | None = None,
        *,
        moves: dict[bytes, bytes] | None = None,
        links: dict[bytes, bytes] | None = None,
        branch: bytes = b"main",
        parents: tuple[int, ...] | None = None,
        when_s: int | None = None,
        message: bytes = b"",
    ) -> int:
        """Add a commit and return its mark; ``who`` is ``Name <address>``; None deletes a file.

        ``parents`` are marks, the first of which it is based on; None: the branch as it stands.
        """
        self._marks += 1
        when_s = BEGIN_S + self._marks * DAY_S if when_s is None else when_s
        stamp = b"%s %d +0000" % (who, when_s)
        lines = [b"commit refs/heads/%s\nmark :%d\nauthor %s\ncommitter %s\n" % (branch, self._marks, stamp, stamp)]
        lines.append(b"data %d\n%s\n" % (len(message), message))
        for number, parent in enumerate(parents or ()):
            lines.append(b"%s :%d\n" % (b"merge" if number else b"from", parent))
        for old, new in (moves or {}).items():
            lines.append(b"R %s %s\n" % (quoted(old), quoted(new)))
        for path, text in (files or {}).items():
            if text is None:
                lines.append(b"D %s\n" % quoted(path))
            else:
                lines.append(b"M 100644 inline %s\ndata %d\n%s\n" % (quoted(path), len(text), text))
        for path, target in (links or {}).items():
            lines.append(b"M 120000 inline %s\ndata %d\n%s\n" % (quoted(path), len(target), target))
        self._stream += lines
        return self._marks

    def module(self, who: bytes, path: bytes) -> None:
        """Add a commit that adds a submodule."""
        self.commit(who)
        self._stream.append(b"M 160000 %s %s\n" % (b"1" * 40, quoted(path)))

    def done(self) -> Path:
        """Hand over what was added since, and return where the repository is."""
        git(
            self.path, "fast-import", "--quiet", "--force", "--date-format=raw-permissive", stdin=b"".join(self._stream)
        )
        self._stream = []
        if not self.bare:
            git(self.path, "reset", "--quiet", "--hard", "main")
        return self.path


def quoted(path: bytes) -> bytes:
    """Write a path as `git fast-import` reads it."""
    special = {0x22: b'\\"', 0x5C: b"\\\\", 0x0A: b"\\n"}
    return b'"' + b"".join(special.get(byte, bytes([byte])) for byte in path) + b'"'


def person(number: int) -> bytes:
    return b"Person N%d <p%d@lab.example>" % (number, number)


def crowd(path: Path, *, people: int = 9, files_each: int = 1, bare: bool = False) -> Path:
    """Make a repository in which each of some people made files of their own."""
    maker = Maker(path, bare=bare)
    for number in range(people):
        files = {b"src/%d-%d.py" % (number, file): b"%d %d" % (number, file) for file in range(files_each)}
        maker.commit(person(number), dict(files))
    return maker.done()
