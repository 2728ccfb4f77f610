"""The page about audits and the commands say the same of what is left."""

from __future__ import annotations

import re

from equipoise.receipt.residual import RESIDUAL
from tests.docs.pages import ROOT


def test_the_page_lists_what_cannot_be_found_in_the_words_of_the_commands() -> None:
    page = (ROOT / "docs" / "audit.md").read_text("utf-8")
    section = page.split("## What it cannot find", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", section)
    assert rows[1:] == [(one.what, one.why, one.source) for one in RESIDUAL]
