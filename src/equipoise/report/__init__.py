"""How results are shown: tables for a terminal, and CSV and Parquet files.

``tables`` makes what ``equipoise simulate`` prints; ``export`` writes the data frames of results as files; ``figures``
writes single numbers for people.
"""

from __future__ import annotations

from equipoise.report.export import write_frames
from equipoise.report.tables import print_comparison, print_demo, print_results

__all__ = ["print_comparison", "print_demo", "print_results", "write_frames"]
