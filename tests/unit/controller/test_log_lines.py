"""Log lines in JSON: one line each, whatever is logged, and no extra that says by its name that it is a secret."""

from __future__ import annotations

import io
import json
import logging

from equipoise.controller.log_lines import MOST_CHARACTERS, JsonLines


def logged(call: str, *args: object, **more: object) -> dict[str, object]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.Logger("equipoise.test")
    logger.addHandler(handler)
    getattr(logger, call)(*args, **more)
    [line] = stream.getvalue().splitlines()
    return json.loads(line)


def test_a_line_is_one_object_whatever_it_says() -> None:
    said = logged(
        "warning",
        'line\n"quoted" \x1b[31m %s \ud800',
        "a\u2028b",
        extra={"job": 3, "pool": "x\ny", "share": 0.5, "none": None},
    )
    assert said["message"] == 'line\n"quoted" \x1b[31m a\u2028b \ud800'
    assert (said["level"], said["logger"], said["job"], said["pool"], said["share"], said["none"]) == (
        "warning", "equipoise.test", 3, "x\ny", 0.5, None,
    )  # fmt: skip
    assert len(str(logged("info", "x" * 1_000_000)["message"])) == MOST_CHARACTERS


def test_an_error_is_on_the_same_line() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        assert "ValueError: broken\nin two" in str(logged("exception", "it failed")["error"])


def test_extras_that_name_secrets_are_left_out() -> None:
    names = ("token", "api_token", "webhook_secret", "Authorization", "environment", "password")
    said = logged("info", "x", extra=dict.fromkeys(names, "value-of-a-secret") | {"kept": 1})
    assert "value-of-a-secret" not in json.dumps(said) and said["kept"] == 1


def test_extras_do_not_replace_what_a_line_says_itself() -> None:
    said = logged("info", "x", extra={"level": "fake", "at": "never", "logger": "other"})
    assert (said["level"], said["logger"]) == ("info", "equipoise.test") and said["at"] != "never"
