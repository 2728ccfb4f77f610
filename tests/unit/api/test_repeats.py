"""Calls that are made again: once at a time, with one answer, and never with a secret or a wrong answer after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from equipoise.api.repeats import KEPT_MS, Repeats
from equipoise.errors import EquipoiseError, InputError

Act = Callable[[], Awaitable[Response]]


def act(made: list[str], what: str = "done", status: int = 200) -> Act:
    async def acts() -> Response:
        await asyncio.sleep(0.02)
        made.append(what)
        return Response(what.encode(), status, media_type="application/json")

    return acts


def code(repeats: Repeats, asked: bytes, acts: Act, **more: bool) -> str:
    try:
        return asyncio.run(repeats.call("ada k POST /x", asked, acts, **more)).body.decode()  # pyright: ignore
    except EquipoiseError as error:
        return error.code


def test_at_once_it_is_made_once(tmp_path: Path) -> None:
    repeats, made = Repeats(tmp_path / "calls.db"), list[str]()

    async def all_at_once() -> list[Response | BaseException]:
        calls = [repeats.call("ada k POST /x", b"{}", act(made)) for _ in range(20)]
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = asyncio.run(all_at_once())
    assert made == ["done"]
    told = {one.body if isinstance(one, Response) else getattr(one, "code", one) for one in answers}
    assert told <= {b"done", "N164"} and b"done" in told
    assert code(repeats, b"{}", act(made)) == "done" and made == ["done"]
    assert code(repeats, b"{ }", act(made)) == "N163"


def test_what_failed_is_made_again(tmp_path: Path) -> None:
    repeats, made = Repeats(tmp_path / "calls.db"), list[str]()

    async def fails() -> Response:
        made.append("failed")
        raise InputError("R108", "there is no job 7")

    assert code(repeats, b"{}", fails) == "R108"
    assert code(repeats, b"[]", act(made, "refused", 422)) == "refused"
    assert code(repeats, b"{}", act(made)) == "done" and code(repeats, b"{}", act(made)) == "done"
    assert made == ["failed", "refused", "done"]


@pytest.mark.parametrize("is_safe", [True, False])
def test_a_call_in_which_the_server_died(tmp_path: Path, is_safe: bool) -> None:
    made: list[str] = []

    first = Repeats(tmp_path / "calls.db")
    assert first._begin("ada k POST /x", sha256(b"{}").hexdigest(), is_safe=is_safe) is None
    assert code(first, b"{}", act(made), is_safe=is_safe) == "N164", "it is being made"
    first.close()
    second = Repeats(tmp_path / "calls.db")
    assert code(second, b"{}", act(made), is_safe=is_safe) == ("done" if is_safe else "N165")
    assert made == (["done"] if is_safe else [])


def test_a_secret_is_not_kept(tmp_path: Path) -> None:
    repeats, made = Repeats(tmp_path / "calls.db"), list[str]()
    assert code(repeats, b"{}", act(made, "eq_secret"), is_secret=True) == "eq_secret"
    assert code(repeats, b"{}", act(made, "eq_secret"), is_secret=True) == "N165"
    repeats.close()
    assert all(b"eq_secret" not in path.read_bytes() for path in tmp_path.iterdir())
    assert (tmp_path / "calls.db").stat().st_mode & 0o077 == 0


@given(hours=st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_a_key_holds_for_a_day(tmp_path_factory: pytest.TempPathFactory, hours: list[int]) -> None:
    """A slow twin: a call is made anew where it was last made a day or more ago."""
    now_ms, made, last_ms, expected = [0], list[str](), -KEPT_MS - 1, 0
    repeats = Repeats(tmp_path_factory.mktemp("day") / "calls.db", lambda: now_ms[0])
    for hour in hours:
        now_ms[0] += hour * 3_600_000
        code(repeats, b"{}", act(made))
        if now_ms[0] - last_ms > KEPT_MS:
            last_ms, expected = now_ms[0], expected + 1
        assert len(made) == expected
    repeats.close()
