"""What can be seen and asked for over HTTP, a module for each kind of thing. Who may is in `equipoise.api.routes`.

What is read from bodies is held to `words`: no half characters, no control characters, nothing that grows without bound.
"""

from __future__ import annotations

from equipoise.api.resources import (
    amendments,
    charters,
    events,
    gates,
    health,
    history,
    holders,
    hooks,
    jobs,
    ledger,
    nodes,
    outlook,
    promises,
    requests,
    run_charters,
    run_promises,
    run_teams,
    runs,
    simulations,
    standing,
    watching,
)

__all__ = [
    "amendments",
    "charters",
    "events",
    "gates",
    "health",
    "history",
    "holders",
    "hooks",
    "jobs",
    "ledger",
    "nodes",
    "outlook",
    "promises",
    "requests",
    "run_charters",
    "run_promises",
    "run_teams",
    "runs",
    "simulations",
    "standing",
    "watching",
]
