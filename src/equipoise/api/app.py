"""The server of a lab: the routes behind their gate, the errors as problems, and its life with the controller.

Main path: `make_app` puts it together, `run_server` lets it live until it is told to end or the controller ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from equipoise import __version__
from equipoise.api.description import described
from equipoise.api.excerpt import Excerpt
from equipoise.api.gate import Gate
from equipoise.api.identity import Issuer
from equipoise.api.live_runs import LiveRuns
from equipoise.api.outlooks import Outlooks
from equipoise.api.pages import Pages
from equipoise.api.problem import problem
from equipoise.api.repeats import Repeats
from equipoise.api.resources import charters
from equipoise.api.roles import Role
from equipoise.api.routes import BASE, add_routes
from equipoise.api.runs import Film
from equipoise.api.service import LiveParts, Service, told
from equipoise.api.simulations import Simulations
from equipoise.api.tokens import Bearer, Tokens
from equipoise.controller import Controller
from equipoise.controller.alerts import Alerts, Hooks
from equipoise.errors import EquipoiseError, InputError, InternalError
from equipoise.screens import LabRun
from equipoise.screens.now import now
from equipoise.screens.queue import queue
from equipoise.tasks.address import is_loopback
from equipoise.tasks.serve import Lab
from equipoise.tasks.serving import ServerSettings
from equipoise.units import shown

LOG = logging.getLogger("equipoise.api")
TICK_S = 1.0
SLOW_S = 3.0
GUEST = Bearer("guest", "guest", Role.VIEWER)
"""Whoever looks at a film."""


def make_app(service: Service, settings: ServerSettings, issuer: Issuer | None = None) -> FastAPI:
    """Return the application over a lab's controller, which runs already."""

    @asynccontextmanager
    async def lives(_: FastAPI) -> AsyncGenerator[None]:
        service.changes.begin()
        clerk = None if service.lab is None else asyncio.create_task(_put_in_force(service, service.lab.controller))
        try:
            yield
        finally:
            if clerk is not None:
                clerk.cancel()
            service.changes.end()
            await asyncio.to_thread(service.close)

    app = FastAPI(
        title="Equipoise",
        version=__version__,
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,  # they load scripts of others
        redoc_url=None,
        lifespan=lives,
        redirect_slashes=False,
    )
    app.state.service = service
    app.openapi = lambda: described(app)
    add_routes(app)
    app.exception_handler(EquipoiseError)(_refused)
    app.exception_handler(RequestValidationError)(_not_understood)
    app.exception_handler(HTTPException)(_not_there)
    app.exception_handler(Exception)(_failed)
    app.add_middleware(
        Gate,
        tokens=service.tokens,
        most_body_bytes=settings.most_body_bytes,
        per_minute=settings.most_per_minute,
        guest=GUEST if service.lab is None else None,
        issuer=issuer,
    )
    app.add_middleware(Pages)
    return app


def run_server(
    lab: Lab,
    settings: ServerSettings,
    *,
    ready: Callable[[str], None],
    slow: Callable[[], None] = lambda: None,
    given_up: threading.Event | None = None,
) -> None:
    """Serve a lab until the process is told to end; jobs run on.

    Parameters
    ----------
    lab : Lab
        Its controller is started here, and stopped at the end.
    settings : ServerSettings
    ready : callable
        Told the server's address once it answers.
    slow : callable
        Called when getting ready takes long: the first time, machine code is compiled.
    given_up : Event or None
        Set to end before the server answers.

    Raises
    ------
    EquipoiseError
        What ended the controller, or N142 where the address cannot be had.
    """
    tokens = Tokens(lab.tokens, lambda: time.time_ns() // 1_000_000)
    issuer = None if lab.settings.oidc is None else Issuer(lab.settings.oidc)
    alerts = Alerts(lab.controller, lab.folder, lab.settings.alerts, lab.settings.notices)
    hooks, store = Hooks(lab.folder, alerts), lab.settings.store
    parts = LiveParts(
        lab.controller, lab.open_reader, lab.runs_as_person, str(lab.key.verifier), alerts, lab.folder,
        Repeats(lab.folder / "calls.db"), Excerpt(),
        Simulations(lab.folder / "simulations", None if store.postgres else lab.folder / store.ledger), hooks,
    )  # fmt: skip
    history = LiveRuns(lab.open_reader, "Live")
    service = Service(parts, tokens, history, outlooks=Outlooks(folder=lab.folder))
    lab.controller.start()
    if not _await_first_step(lab.controller, service, slow, given_up or threading.Event()):
        lab.controller.stop(timeout_s=300)
        _raise_failure(lab)
        return
    alerts.start()
    history.start()
    try:
        _run(service, settings, ready, issuer)
    finally:
        history.stop()
        alerts.stop()
        lab.controller.stop()
    _raise_failure(lab)


def run_film(
    runs: Sequence[LabRun], settings: ServerSettings, *, ready: Callable[[str], None], outlooks: Outlooks | None = None
) -> None:
    """Show runs that are over to whoever calls, and what follows them, until the process is told to end; nothing can be changed.

    Raises
    ------
    InputError
        N142 where the address cannot be had, or is not this machine's own.
    """
    if not is_loopback(settings.bind):
        raise InputError("N142", f"a film is shown on this machine only, not at {shown(settings.bind)}")
    nobody = Tokens(Path(os.devnull, "tokens"), lambda: time.time_ns() // 1_000_000)
    threading.Thread(target=_get_ready, args=(runs,), name="film", daemon=True).start()
    _run(Service(None, nobody, Film(runs), outlooks=outlooks or Outlooks()), settings, ready)


def _get_ready(runs: Sequence[LabRun]) -> None:
    """Work out what every screen of a film needs, before somebody waits for it."""
    for run in runs:
        now(run, None)
    for run in runs[:1]:
        queue(run, run.record.charter.teams[0].path, None)


def _run(
    service: Service, settings: ServerSettings, ready: Callable[[str], None], issuer: Issuer | None = None
) -> None:
    """Answer calls until told to end."""
    server = _Server(
        uvicorn.Config(
            make_app(service, settings, issuer),
            host=settings.bind,
            port=settings.port,
            ssl_certfile=settings.tls_certificate or None,
            ssl_keyfile=settings.tls_key or None,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
            limit_concurrency=1_000,
        ),
        service,
        ready,
    )
    try:
        server.run()
    except SystemExit as error:  # uvicorn's way to say that it could not bind
        where = f"{settings.bind}:{settings.port}"
        raise InputError("N142", f"{where} cannot be listened on", hint="another port: [server] port") from error


def _await_first_step(
    controller: Controller, service: Service, slow: Callable[[], None], given_up: threading.Event
) -> bool:
    """Wait until the controller has gone once through its loop; returns False where it failed or was given up before."""
    listens = controller.subscribe(service.changes.note)
    since_s, said = time.monotonic(), False
    while not listens.done():
        if given_up.wait(0.05):
            return False
        if not said and time.monotonic() - since_s > SLOW_S:
            said = True
            slow()
    return listens.exception() is None


def _raise_failure(lab: Lab) -> None:
    failure = lab.controller.failure
    if failure is not None:
        raise failure if isinstance(failure, EquipoiseError) else InternalError("N148", f"the controller: {failure!r}")


class _Server(uvicorn.Server):
    """Says when it answers, and ends with the controller."""

    def __init__(self, config: uvicorn.Config, service: Service, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._service, self._ready = service, ready

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            scheme = "https" if self.config.is_ssl else "http"
            self._ready(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")

    async def on_tick(self, counter: int) -> bool:
        lab = self._service.lab
        return (lab is not None and lab.controller.failure is not None) or await super().on_tick(counter)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        self._service.changes.end()
        await super().shutdown(sockets)


async def _put_in_force(service: Service, controller: Controller) -> None:
    """Put each charter in force when its time has come."""
    while True:
        await asyncio.sleep(TICK_S)
        try:
            due_ms = await told(controller.charter_due_ms())
            if due_ms is not None and due_ms <= time.time_ns() // 1_000_000:
                await charters.settle(service)
        except EquipoiseError as error:
            LOG.error("a charter that is due is not in force: %s", error)
            await asyncio.sleep(10 * TICK_S)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, EquipoiseError)
    return problem(error)


async def _not_understood(_: Request, error: Exception) -> Response:
    """Say which field is wrong and how, and never what was in it: it may be secret."""
    assert isinstance(error, RequestValidationError)
    said = "; ".join(f"{_where(one['loc'])}: {one['msg']}" for one in error.errors()[:5])
    return problem(InputError("N136", f"not understood: {shown(said, width=400)}", hint="see openapi.json"))


def _where(path: tuple[Any, ...]) -> str:
    return ".".join("".join(c for c in str(one)[:40] if c.isprintable()) for one in path)


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, EquipoiseError):  # raised while the body was read
        return problem(error.__cause__)
    if error.status_code == 400:
        return problem(InputError("N136", "not understood: the body cannot be read"), status=422)
    answer = problem(InputError("N139", f"no such route or method: {error.detail}"), status=error.status_code)
    if error.status_code == 405:
        answer.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return answer


def _methods(request: Request) -> set[str]:
    """Return the methods that there are for a call's path."""
    routes = [one for one in request.app.router.routes if isinstance(one, Route)]
    return {method for one in routes if one.matches(request.scope)[0] is not Match.NONE for method in one.methods or ()}


async def _failed(_: Request, error: Exception) -> Response:
    return problem(InternalError("N148", f"a bug of ours: {type(error).__name__}", hint="please report it"))
