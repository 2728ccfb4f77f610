"""docs/concepts.md: it explains the words that the project uses, and its picture is of the log that it shows."""

from __future__ import annotations

import re

import pytest

from benchmarks import lending
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "concepts.md").read_text("utf-8")
EXPLAINED = {
    word.lower()
    for entry in re.findall(r"(?m)^\*\*([^*]+)\*\*(?:, \*(\w+)\*)?", PAGE)
    for part in entry
    for word in re.findall(r"[A-Za-z]+", part)
}
WORDS = (
    "team floor commitment promise limit borrow lend weight demand entitlement allocation usage delivered reclaim recover"
    " protect secure turn preempt job service workload gang pool savepoint verdict close denied starved"
    " pace arrears level"
)


@pytest.mark.parametrize("word", WORDS.split())
def test_every_word_is_explained(word: str) -> None:
    assert word in EXPLAINED or f"*{word}*" in PAGE, word


def test_words_of_the_charter_that_readers_should_not_meet_are_not_used() -> None:
    for other in ("tenant", "queue", "preemptible quota", "deserved"):
        assert other not in PAGE.lower(), other


def test_the_picture_is_drawn_from_the_log_and_the_charter_of_the_page() -> None:
    assert f"cat > lab.yaml <<'END'\n{lending.CHARTER}END\n" in PAGE
    assert f"cat > jobs.csv <<'END'\n{lending.LOG}END\n" in PAGE
    spans = lending.holdings(lending.replayed())
    assert lending.picture(spans) == lending.PICTURE.read_text("utf-8"), "python -m benchmarks.lending --write"
    # What the text says: the floor is back ten minutes after it is asked for, and nobody holds a GPU twice.
    assert [(begin, safety) for begin, _, _, safety in spans if safety] == [(130, 8)]
    assert max(product + safety for _, _, product, safety in spans) == lending.GPUS
