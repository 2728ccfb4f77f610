"""The figures of the synthetic lab beside their sources: the table and the pictures of docs/synthetic-lab.md.

`python -m benchmarks.lab_marginals` prints the table; with `--write` it puts table and pictures into docs/.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from benchmarks import _lab_figures
from equipoise.workload.model import Workload
from equipoise.workload.synthetic import lab, marginals

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "synthetic-lab.md"
BEGIN, END = "<!-- marginals: begin -->", "<!-- marginals: end -->"
HEAD = "| figure | published or assumed | accepted | measured | source |\n|---|---|---|---|---|"


def main() -> None:
    """Print the table for the lab with seed 1."""
    workload = lab()
    frame = marginals(workload)
    print(table(frame))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_table(PAGE.read_text("utf-8"), table(frame)), "utf-8")
        for path, text in figures(workload, frame).items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")


def figures(workload: Workload, frame: pl.DataFrame) -> dict[Path, str]:
    """Return the pictures of the page by their files."""
    return {
        DOCS / "figures" / "lab-marginals.svg": _lab_figures.marginals_figure(frame),
        DOCS / "figures" / "lab-distributions.svg": _lab_figures.distributions_figure(workload),
    }


def with_table(page: str, made: str) -> str:
    """Return the page with its table replaced."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{made}\n{END}{rest.split(END)[1]}"


def table(frame: pl.DataFrame) -> str:
    """Return the frame of ``marginals`` as a Markdown table."""
    lines = [HEAD]
    for row in frame.iter_rows(named=True):
        low, high, measured = (number(row[field]) for field in ("low", "high", "measured"))
        accepted = low if low == high else f"{low} – {high}"
        flag = "" if row["within"] else " (outside)"
        lines.append(f"| {row['name']} | {row['published']} | {accepted} | {measured}{flag} | {row['source']} |")
    return "\n".join(lines)


def number(value: float) -> str:
    """Three significant digits, thousands separated, no exponent."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.5f}".rstrip("0")


if __name__ == "__main__":
    main()
