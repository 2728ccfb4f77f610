r"""Readers of real job logs: who asked for what, when, and for how long.

Main path: ``read`` (log.py) tells the format (formats.py), splits the text into rows (source.py, table.py), parses
them by the format's layout (layout.py, batch.py, values.py), gives each job its team (mapping.py) and returns a
``Workload`` sorted by submit time (assembly.py). Nothing is dropped in silence: what is left out is counted by
reason in ``Workload.skipped``; what cannot be read is an ``InputError`` with file and line. Smaller files of named columns
(records.py) are requests for credits (requests.py) and team-months of staff (staff.py).

>>> from pathlib import Path; import tempfile
>>> from equipoise import traces
>>> log = Path(tempfile.mkdtemp()) / "jobs.csv"
>>> _ = log.write_text("vc,submit_s,num_gpu,duration_s\nvision,0,8,60\nnlp,7,0,30\n")
>>> workload = traces.read(log)
>>> len(workload.jobs), workload.skipped[0].reason, workload.skipped[0].rows
(1, 'no GPU', 1)
"""

from __future__ import annotations

from equipoise.traces.formats import FORMATS, Format
from equipoise.traces.helios import minutes
from equipoise.traces.log import read
from equipoise.traces.mapping import Rule, load_rules, team_name
from equipoise.traces.requests import read_requests
from equipoise.traces.staff import read_staff
from equipoise.traces.usage import peak_gpus, usage

__all__ = [
    "FORMATS",
    "Format",
    "Rule",
    "load_rules",
    "minutes",
    "peak_gpus",
    "read",
    "read_requests",
    "read_staff",
    "team_name",
    "usage",
]
