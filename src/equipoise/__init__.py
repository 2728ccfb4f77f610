"""Equipoise divides an organisation's compute by a charter: it allocates, accounts and anticipates.

The names below load on first use, so that commands which do not simulate never pay for NumPy, Numba or Polars.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from equipoise._version import __version__

if TYPE_CHECKING:
    from equipoise import traces
    from equipoise.charter_io import Charter
    from equipoise.tasks.report import write_report
    from equipoise.tasks.simulate import compare, simulate

__all__ = ["Charter", "__version__", "compare", "simulate", "traces", "write_report"]

_HOME = {
    "Charter": ("equipoise.charter_io", "Charter"),
    "simulate": ("equipoise.tasks.simulate", "simulate"),
    "compare": ("equipoise.tasks.simulate", "compare"),
    "traces": ("equipoise.traces", None),
    "write_report": ("equipoise.tasks.report", "write_report"),
}


def __getattr__(name: str) -> Any:  # PEP 562
    if name not in _HOME:
        raise AttributeError(f"module 'equipoise' has no attribute {name!r}")
    module, attribute = _HOME[name]
    loaded = importlib.import_module(module)
    return loaded if attribute is None else getattr(loaded, attribute)
