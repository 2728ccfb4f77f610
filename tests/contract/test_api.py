"""The interface does what it says of itself: calls made from its description, right and wrong ones, against a real server.

Each route is called by Schemathesis with what its parameters and body may be, and with what they may not; whatever comes back must be a
status, a media type, headers and a body that the description has. Under ``--hypothesis-profile soak`` many more calls are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from hypothesis import seed as seeded

from equipoise.api.conditional import CONTROL
from equipoise.api.description import described
from equipoise.api.paging import MOST_BYTES
from equipoise.api.roles import RIGHTS, Right, Role
from equipoise.api.routes import BASE, ROUTES, add_routes
from tests.scenario.live_server import Served, end, served

schemathesis = pytest.importorskip("schemathesis")
pytestmark = pytest.mark.slow
EXAMPLES = 12
WHOLE = ("/ledger/tile/{path}", "/promises/{promise}/receipt", "/charter", "/charters/{digest}")
"""What is a file that is taken whole."""


def description() -> dict[str, Any]:
    app = FastAPI(title="Equipoise", version="0", openapi_url=f"{BASE}/openapi.json")
    add_routes(app)
    return described(app)


SCHEMA = schemathesis.openapi.from_dict(description())
ROUTE = {(one.method, BASE + one.path.replace(":path", "")): one for one in ROUTES}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("described")) as one:
        with one.client("ada") as ada:
            for number in range(3):
                body = {"team": "safety.alignment", "gang": 1, "argv": ["true"], "name": f"job {number}"}
                assert ada.post("/jobs", json=body).status_code == 201
        yield one
        assert end(one.process) == 0, one.log()[-3000:]
        assert "Traceback" not in one.log(), one.log()[-5000:]


def bearer(rights: tuple[Right, ...], lab: Served) -> str:
    """Return a token of somebody who may call a route."""
    for role in (Role.MEMBER, Role.SIGNER, Role.OPERATOR):
        if not rights or RIGHTS[role] & set(rights):
            return lab.tokens[role.value]
    raise AssertionError(rights)


def excluded(*more: str) -> list[Any]:
    """Checks that do not hold: a body that is well made and names a team or a job that is not there is refused, and after some calls
    without a token the next ones are refused as too many (who may call what without one is tested in test_served_lab.py).
    """
    names = (
        "positive_data_acceptance",
        "use_after_free",
        "ensure_resource_availability",
        "ignored_auth",
        "missing_required_header",
    )
    schemathesis.checks.load_all_checks()
    return schemathesis.checks.CHECKS.get_by_names([*names, *more])


@SCHEMA.exclude(path=f"{BASE}/events").parametrize()
@settings(
    max_examples=EXAMPLES if settings.get_current_profile_name() != "soak" else 1_000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@seeded(8)
def test_what_comes_back_is_what_the_description_says(case: Any, lab: Served) -> None:
    route = ROUTE[case.operation.method.upper(), case.operation.path]
    headers = {"Authorization": f"Bearer {bearer(route.rights, lab)}"}
    if "wait_s" in (case.query or {}):
        case.query["wait_s"] = 0
    answer = case.call(base_url=lab.address, headers=headers, timeout=60)
    too_large = ["negative_data_rejection"] if answer.status_code == 413 else []  # which is a rejection, too
    case.validate_response(answer, excluded_checks=excluded(*too_large))
    assert answer.headers["cache-control"] == [CONTROL[route.cache]] or answer.status_code not in (200, 304)
    if route.path.replace(":path", "") not in WHOLE:
        assert len(answer.content) <= MOST_BYTES
