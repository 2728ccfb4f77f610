"""How results are shown: one HTML file, tables for a terminal, notebooks, and CSV and Parquet files.

``page`` makes the HTML file, from what ``view`` says it is about: ``verdict`` is its first sentence, ``machine``,
``cards``, ``waiting``, ``requests``, ``comparison``, ``idle`` and ``method`` its sections, built of ``parts``,
``plot`` and ``markup`` in the colours of ``theme``. ``notebook`` shows results in a notebook with the same pieces.
``tables`` makes what ``equipoise simulate`` prints; ``export`` writes the data frames of results as files;
``figures`` writes single numbers for people.
"""

from __future__ import annotations

from equipoise.report.export import write_frames
from equipoise.report.tables import print_comparison, print_demo, print_results
from equipoise.report.view import verdict_of

__all__ = ["print_comparison", "print_demo", "print_results", "verdict_of", "write_frames"]
