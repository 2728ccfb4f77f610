"""The command line: ``equipoise COMMAND`` (alias ``eq``). Each command is a module of its own, loaded when used.

This is the edge: here errors are printed and become exit codes, 0 for ok, 1 for a finding, 2 for wrong usage.

Examples
--------
>>> main(["check", "no-such-file.yaml"])
Traceback (most recent call last):
SystemExit: 1
"""

from __future__ import annotations

from equipoise.cli.app import EXIT_CODES, main

__all__ = ["EXIT_CODES", "main"]
