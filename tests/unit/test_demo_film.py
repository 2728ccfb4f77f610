"""Where the film of the demo is: the address that is printed leads to the moment that it names."""

from __future__ import annotations

import re
from dataclasses import replace

from equipoise.cli.demo import where
from equipoise.screens.now import now
from tests.unit.screens.runs import shown


def test_the_second_address_is_of_a_moment_at_which_safety_lacks_most() -> None:
    first, second = where("http://127.0.0.1:7878", shown()).splitlines()
    assert "http://127.0.0.1:7878 " in first
    found = re.search(r"(http://127.0.0.1:7878)/\?run=(\S+)&at=(\d+)$", second)
    assert found is not None
    run = next(one for one in shown() if one.name == found[2])
    assert run.name == "product-first"
    assert now(run, int(found[3]))["below"]["teams"][0]["team"] == "safety"


def test_a_film_in_which_safety_lacks_nothing_says_one_address() -> None:
    begun = tuple(replace(run, ends_ms=1) for run in shown())
    assert len(where("http://127.0.0.1:1", begun).splitlines()) == 1
