"""Log lines as JSON, one object a line, for those who read them by machine.

A line has when, how grave, who and what, and what the caller gave beside (``extra``). Values of the environment, tokens and secrets are
not given to a logger anywhere; a last guard leaves out extras whose names say that they hold one.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_GUARDED = ("secret", "token", "password", "authorization", "environment", "cookie", "signature")
MOST_CHARACTERS = 8_192


class JsonLines(logging.Formatter):
    r"""A formatter of one JSON object a line.

    Examples
    --------
    >>> record = logging.makeLogRecord({"name": "equipoise", "levelname": "INFO", "msg": "a\nb %d", "args": (1,), "created": 0, "job": 3})
    >>> JsonLines().format(record)
    '{"at":"1970-01-01T00:00:00.000Z","level":"info","logger":"equipoise","message":"a\\nb 1","job":3}'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told: dict[str, object] = {
            "at": at, "level": record.levelname.lower(), "logger": record.name,
            "message": record.getMessage()[:MOST_CHARACTERS],
        }  # fmt: skip
        if record.exc_info and record.exc_info[0] is not None:
            told["error"] = self.formatException(record.exc_info)[-MOST_CHARACTERS:]
        for name, value in vars(record).items():
            if name not in _OWN and name not in told and not any(word in name.lower() for word in _GUARDED):
                told[name] = value if isinstance(value, int | float | bool) or value is None else str(value)
        return json.dumps(told, separators=(",", ":"), ensure_ascii=True)
