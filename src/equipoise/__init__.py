"""Equipoise divides an organisation's compute by a charter: it allocates, accounts and anticipates.

The names below load on first use, so that commands which do not simulate never pay for NumPy, Numba or Polars.

``outlook`` is both the package of the model and what plays a scenario: ``outlook("product-pivot")``. Names of packages and of what they
are for would collide otherwise, and which one ``from equipoise import outlook`` gives would hang on what was imported before.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from equipoise._version import __version__

if TYPE_CHECKING:
    from equipoise import traces
    from equipoise.charter_io import Charter
    from equipoise.tasks.outlook import outlook
    from equipoise.tasks.report import write_report
    from equipoise.tasks.simulate import compare, simulate

__all__ = ["Charter", "__version__", "compare", "outlook", "simulate", "traces", "write_report"]

_HOME = {
    "Charter": ("equipoise.charter_io", "Charter"),
    "simulate": ("equipoise.tasks.simulate", "simulate"),
    "compare": ("equipoise.tasks.simulate", "compare"),
    "outlook": ("equipoise.outlook", None),
    "traces": ("equipoise.traces", None),
    "write_report": ("equipoise.tasks.report", "write_report"),
}


def __getattr__(name: str) -> Any:  # PEP 562
    if name not in _HOME:
        raise AttributeError(f"module 'equipoise' has no attribute {name!r}")
    module, attribute = _HOME[name]
    loaded = importlib.import_module(module)
    return loaded if attribute is None else getattr(loaded, attribute)


class _Outlook(ModuleType):
    """The package of the model, which can be called: see `equipoise.tasks.outlook.outlook`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run a scenario many times."""
        return importlib.import_module("equipoise.tasks.outlook").outlook(*args, **kwargs)


class _Equipoise(ModuleType):
    """The package itself: ``outlook`` becomes callable in the moment in which it is bound here, by whoever imports it first."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "outlook" and isinstance(value, ModuleType):
            value.__class__ = _Outlook
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Equipoise
