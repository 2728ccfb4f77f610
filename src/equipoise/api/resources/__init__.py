"""What can be seen and asked for over HTTP, a module for each kind of thing. Who may is in `equipoise.api.routes`.

What is read from bodies is held to `words`: no half characters, no control characters, nothing that grows without bound.
"""

from __future__ import annotations

from equipoise.api.resources import (
    charters,
    events,
    health,
    holders,
    jobs,
    ledger,
    nodes,
    requests,
    standing,
)

__all__ = ["charters", "events", "health", "holders", "jobs", "ledger", "nodes", "requests", "standing"]
