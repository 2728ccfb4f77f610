"""How results are shown: one HTML file, tables for a terminal, notebooks, and CSV and Parquet files.

``page`` makes the HTML file, from what ``view`` says it is about: ``verdict`` is its first sentence, ``machine``,
``cards``, ``waiting``, ``requests``, ``comparison``, ``idle`` and ``method`` its sections, built of ``parts``,
``plot`` and ``markup`` in the colours of ``theme``. ``notebook`` shows results in a notebook with the same pieces.
``period_page`` makes the report of a period of a ledger, from what ``period`` says, with ``period_sections``, ``period_proof``
and the files of ``downloads``. ``modules`` puts those of the dashboard into ``page`` and ``period_page``, where they were built.
``tables`` makes what ``equipoise simulate`` prints, of ``columns``; ``export`` writes the data frames of results as files;
``figures`` writes single numbers for people.

The names below load on first use: what shows no replay does without Numba and Polars.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equipoise.report.export import write_frames
    from equipoise.report.tables import print_comparison, print_demo, print_results
    from equipoise.report.view import verdict_of

__all__ = ["print_comparison", "print_demo", "print_results", "verdict_of", "write_frames"]

_HOME = {"write_frames": "export", "verdict_of": "view"}


def __getattr__(name: str) -> Any:  # PEP 562
    if name not in __all__:
        raise AttributeError(f"module 'equipoise.report' has no attribute {name!r}")
    return getattr(importlib.import_module(f"equipoise.report.{_HOME.get(name, 'tables')}"), name)
