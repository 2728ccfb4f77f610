"""A ledger's passes read from their bytes give what their values give; and what is spelled otherwise is refused or read the long way."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from equipoise.audit import Book
from equipoise.errors import EquipoiseError
from equipoise.ledger.entry import encode_entry, parse_entry
from equipoise.ledger.pieces import encoded, joined
from equipoise.policy import spelling
from equipoise.policy.passage import Reader
from equipoise.policy.spelling import Spelled
from tests.property.audit_cases import CASES, ModelBook, ledger


def long_way(entries: Sequence[bytes]) -> ModelBook:
    """Return a book of entries each of which was parsed on its own."""
    book = ModelBook()
    for _, values in joined(enumerate(map(parse_entry, entries))):
        book.add(values)
    return book


def short_way(entries: Sequence[bytes], chance: Random) -> ModelBook:
    """Return a book of entries that were read as they are stored, some at a time."""
    book, at = ModelBook(), 0
    while at < len(entries):
        size = chance.randrange(1, 40)
        book.read(entries[at : at + size])
        at += size
    book.close()
    return book


def equal(one: Book, other: Book) -> bool:
    jobs, others = one.workload().jobs, other.workload().jobs
    columns = ("submit_ms", "duration_ms", "gang", "walltime_ms", "team", "pool", "user", "priority", "preemptible")
    return (
        np.array_equal(one.events, other.events)
        and np.array_equal(one.decisions, other.decisions)
        and all(np.array_equal(getattr(jobs, name), getattr(others, name)) for name in columns)
        and all(np.array_equal(getattr(jobs, name), getattr(others, name)) for name in ("savepoint_ms", "after"))
        and (jobs.name, jobs.request) == (others.name, others.request)
        and (one.judged, one.opened, one.ended) == (other.judged, other.opened, other.ended)
    )


@pytest.mark.parametrize("kind", CASES)
def test_both_ways_of_reading_give_the_same(kind: str) -> None:
    for seed in range(12):
        chance = Random(seed)
        told = ledger(seed, kind)
        for values in told:
            for job in values.get("jobs", ()):
                if chance.random() < 0.5:
                    job["name"] = chance.choice(["train-7", 'say "x"', "größe", "a\\b", ""])
                if chance.random() < 0.2:
                    job["request"] = "extra"
        stored = [data for values in told for data in encoded(values)]
        assert equal(long_way(stored), short_way(stored, chance)), f"seed {seed}"


def test_nearly_all_passes_are_read_at_once() -> None:
    stored = [data for values in ledger(3) for data in encoded(values) if values["kind"] == "pass"]
    reader, text, at, alone = Reader(), Spelled.of(stored), 0, 0
    while at < len(stored):
        at = reader.read(text, at)
        if at < len(stored):
            reader.add(parse_entry(stored[at]))
            at, alone = at + 1, alone + 1
    assert reader.passes == len(stored) > 20
    assert alone <= len(stored) // 10


def test_what_is_read_at_once_is_canonical_and_says_the_same() -> None:
    """Any change to the bytes of a pass: it is left to the long way, or the long way reads the same numbers and text."""
    stored = [
        data
        for seed in range(12)
        for values in ledger(seed, ("plain", "promised", "amended")[seed % 3])
        for data in encoded(values)
        if values["kind"] == "pass"
    ]
    chance, taken = Random(5), 0
    for _ in range(15_000):
        data = changed(chance.choice(stored), chance)
        short = Reader()
        try:
            if short.read(Spelled.of([data]), 0) == 0:
                continue
        except EquipoiseError:  # a number that no column holds: the long way says so too
            with pytest.raises(EquipoiseError):
                whole = Reader()
                whole.add(parse_entry(data))
                _ = whole.events, whole.decisions, whole.jobs()
            continue
        taken += 1
        values = parse_entry(data)
        assert encode_entry(values) == data
        long = Reader()
        long.add(values)
        assert np.array_equal(short.events, long.events), data
        assert np.array_equal(short.decisions, long.decisions), data
        assert seen(short) == seen(long), data
    assert taken > 1_500


def seen(reader: Reader) -> str:
    """Return what was asked for, or the error that it is refused with."""
    try:
        jobs = reader.jobs()
    except EquipoiseError as error:
        return error.code
    return json.dumps(
        [
            *(
                getattr(jobs, name).tolist()
                for name in ("submit_ms", "duration_ms", "gang", "walltime_ms", "team", "pool")
            ),
            *(getattr(jobs, name).tolist() for name in ("user", "priority", "preemptible", "savepoint_ms", "after")),
            jobs.name,
            jobs.request,
        ]
    )


def changed(data: bytes, chance: Random) -> bytes:
    """Return bytes with some changed, moved, taken out or put in."""
    kept = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        at = chance.randrange(len(kept))
        way = chance.randrange(5)
        if way == 0:
            kept[at] = chance.choice(b'0123456789-,[]{}":aetx \\\x00\x7f\xc3')
        elif way == 1:
            del kept[at]
        elif way == 2:
            kept.insert(at, chance.choice(b'0123456789-,[]{}":.eE \\'))
        elif way == 3:  # digits are put where digits are
            digits = [n for n, byte in enumerate(kept) if 48 <= byte <= 57]
            kept[chance.choice(digits)] = chance.choice(b"0123456789")
        else:
            kept[at : at + 1] = kept[at : at + chance.randrange(1, 30)] * 2
    return bytes(kept)


def test_the_compiled_reader_and_its_source_are_one() -> None:
    """The bytes of whole ledgers, and of changed ones, by machine code and by plain Python."""
    stored = [data for seed in range(2) for values in ledger(seed) for data in encoded(values)][:150]
    chance = Random(9)
    for round_ in range(20):
        text = Spelled.of([data if round_ == 0 else changed(data, chance) for data in stored])
        for first in range(0, len(stored), 7):
            both: list[tuple[int, list[list[int]]]] = []
            for function, data in ((spelling.read_passes, text.data), (interpreted(), text.data.tolist())):
                tables = [np.zeros((4_000, width), np.int64) for width in (7, 5, 16)]
                counts = np.zeros(3, np.int64)
                end = int(function(data, text.ends, first, *tables, counts))
                both.append((end, [table[:n].tolist() for table, n in zip(tables, counts.tolist(), strict=True)]))
            assert both[0] == both[1]


def interpreted() -> Callable[..., int]:
    """Return `read_passes` with everything below it as plain Python."""
    names: dict[str, Any] = dict(vars(spelling))
    for name, found in vars(spelling).items():
        if hasattr(found, "py_func"):
            names[name] = FunctionType(found.py_func.__code__, names, name)
    return names["read_passes"]
