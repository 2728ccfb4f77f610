"""Write what was replayed as a report: one HTML file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.charter.model import Charter
from equipoise.charter_io import digest
from equipoise.report.markup import Markup
from equipoise.report.page import write_page
from equipoise.report.view import Source
from equipoise.simulator.results import Results
from equipoise.tasks.simulate import Comparison

if TYPE_CHECKING:
    from equipoise.tasks.prospect import Prospect  # late: it loads the outlook


def write_report(
    found: Results | Comparison,
    path: str | os.PathLike[str],
    *,
    log: str = "",
    charter: str | os.PathLike[str] = "",
    command: str | None = None,
    prospect: Prospect | None = None,
    first: Sequence[Markup] = (),
) -> Path:
    """Write the report of a run, or of several that are compared.

    Parameters
    ----------
    found : Results or Comparison
        What ``simulate`` or ``compare`` returns.
    path : path
        The file, replaced if it is there.
    log : str
        What the job log is called in the report.
    charter : path
        The file of the reference charter, to show it as it was written.
    command : str or None
        What makes the report again.
    prospect : Prospect or None
        The years that follow, where they are to be shown.
    first : sequence of Markup
        Sections that stand before all others.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        S105 if it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from equipoise.tasks.simulate import simulate
    >>> from equipoise.workload.synthetic import lab, lab_charter
    >>> from equipoise.charter_io import loads
    >>> run = simulate(lab(days=2, gpus=512), loads(lab_charter(512)))
    >>> page = write_report(run, Path(tempfile.mkdtemp()) / "report.html").read_text("utf-8")
    >>> page[:15], "safety.alignment" in page
    ('<!doctype html>', True)
    """
    runs = found.runs if isinstance(found, Comparison) else (found,)
    text = _text(charter, runs[0].record.charter) if charter else None
    return write_page(runs, path, source=Source(log, os.fspath(charter), text, command), prospect=prospect, first=first)


def _text(path: str | os.PathLike[str], charter: Charter) -> str | None:
    """Return the charter's file if it still is what was read: its digest tells."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return None
    return data.decode("utf-8-sig", "replace") if digest(data) == charter.digest else None
