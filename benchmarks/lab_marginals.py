"""The figures of the synthetic lab beside their sources, as the Markdown table of docs/synthetic-lab.md."""

from __future__ import annotations

import polars as pl

from equipoise.workload.synthetic import lab, marginals

HEAD = "| figure | published or assumed | accepted | measured | source |\n|---|---|---|---|---|"


def main() -> None:
    """Print the table for the lab with seed 1."""
    print(table(marginals(lab())))


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
