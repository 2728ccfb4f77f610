"""``python -m equipoise.cli``: the command line where no ``equipoise`` is on the path."""

from equipoise.cli.app import main

main()
