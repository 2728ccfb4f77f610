"""One table of all routes, and who may call each: a route that is not in it does not exist."""

from __future__ import annotations

from fastapi import FastAPI

from equipoise.api import answers
from equipoise.api.conditional import Cache
from equipoise.api.description import description
from equipoise.api.guard import Route, guarded_route
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
from equipoise.api.roles import Right

BASE = "/api/v1"
LOOK, LEDGER, TEAMS = (Right.LOOK,), (Right.READ_LEDGER,), (Right.ANSWER,)
ENACT, SIMULATE = (Right.ENACT,), (Right.SIMULATE,)
TOKENS, HOOKS = (Right.MANAGE_TOKENS,), (Right.MANAGE_HOOKS,)
STATE, CLOCK, FOREVER = Cache.STATE, Cache.CLOCK, Cache.FOREVER
TEXT, BYTES = "text/plain; charset=utf-8", "application/octet-stream"

ROUTES = (
    Route("GET", "/health", (), health.health, answer=answers.Health),
    Route("GET", "/runs", LOOK, runs.listed, answer=answers.Runs, cache=STATE),
    Route("GET", "/runs/{run}/now", LOOK, run_teams.now, answer=answers.RunNow, cache=STATE),
    Route("GET", "/runs/{run}/teams", LOOK, run_teams.teams, answer=answers.RunTeams, cache=STATE),
    Route("GET", "/runs/{run}/teams/{path}", LOOK, run_teams.team, answer=answers.RunTeam, cache=STATE),
    Route("GET", "/runs/{run}/teams/{path}/queue", LOOK, run_teams.queue, answer=answers.RunQueue, cache=STATE),
    Route("GET", "/runs/{run}/series", LOOK, run_teams.series, answer=answers.RunSeries, cache=STATE),
    Route("GET", "/runs/{run}/raster", LOOK, history.picture, answer=answers.RunRaster, cache=STATE),
    Route("GET", "/runs/{run}/jobs", LOOK, history.jobs, answer=answers.RunJobs, cache=STATE),
    Route("GET", "/runs/{run}/jobs/{job}", LOOK, history.job, answer=answers.RunJob, cache=STATE),
    Route("GET", "/runs/{run}/jobs/{job}/why", LOOK, history.why, answer=answers.RunWhy, cache=STATE),
    Route("GET", "/runs/{run}/promises", LOOK, run_promises.listed, answer=answers.RunPromises, cache=STATE),
    Route("GET", "/runs/{run}/promises/{promise}", LOOK, run_promises.one, answer=answers.RunPromise, cache=STATE),
    Route(
        "GET", "/runs/{run}/promises/{promise}/receipt", LOOK, run_promises.receipt, cache=STATE, kind=promises.RECEIPT
    ),
    Route("GET", "/runs/{run}/charter", LOOK, run_charters.document, answer=answers.RunCharter, cache=STATE),
    Route("GET", "/runs/{run}/charters/{digest}", LOOK, run_charters.text, cache=FOREVER, kind=TEXT),
    Route("POST", "/runs/{run}/plan", LOOK, run_charters.plan, answer=answers.RunPlan, is_safe=False),
    Route("GET", "/runs/{run}/plans/{replay}", LOOK, run_charters.replayed, answer=answers.PlanReplay, cache=STATE),
    Route("GET", "/runs/{run}/outlook", LOOK, outlook.outlook, answer=answers.Outlook, cache=STATE),
    Route("POST", "/runs/{run}/outlook", LOOK, outlook.play, answer=answers.Outlook),
    Route("GET", "/runs/{run}/outlook/scenarios", LOOK, outlook.scenarios, answer=answers.Scenarios, cache=STATE),
    Route("GET", "/runs/{run}/frontier", LOOK, outlook.frontier, answer=answers.Frontier, cache=STATE),
    Route("GET", "/standing", LOOK, standing.standing, answer=answers.Standing, cache=CLOCK),
    Route("GET", "/capacity", LOOK, standing.capacity, answer=answers.Capacity, cache=CLOCK),
    Route("GET", "/teams", LOOK, standing.teams, answer=answers.Teams, cache=CLOCK),
    Route("GET", "/teams/{path}/standing", LOOK, standing.team, answer=answers.Team, cache=CLOCK),
    Route("GET", "/jobs", LOOK, jobs.listed, answer=answers.Jobs, cache=STATE),
    Route("POST", "/jobs", (Right.SUBMIT,), jobs.submit, 201, answers.Submitted),
    Route("GET", "/jobs/{job}", LOOK, jobs.one, answer=answers.Job, cache=STATE),
    Route("GET", "/jobs/{job}/why", LOOK, jobs.why, answer=answers.Why),
    Route("POST", "/jobs/{job}/cancel", (Right.CANCEL, Right.CANCEL_ANY), jobs.cancel, answer=answers.CancelledJob),
    Route("GET", "/requests", LOOK, requests.listed, answer=answers.Requests, cache=STATE),
    Route("POST", "/requests", (Right.ASK,), requests.ask, 201, answers.Named),
    Route("GET", "/requests/{name}", LOOK, requests.one, answer=answers.Request, cache=STATE),
    Route("POST", "/requests/{name}/answer", TEAMS, requests.answer, answer=answers.Granted),
    Route("POST", "/requests/{name}/transfer", TEAMS, requests.transfer, answer=answers.Moved, is_safe=False),
    Route("GET", "/nodes", LOOK, nodes.listed, answer=answers.Nodes, cache=STATE),
    Route("POST", "/nodes/{pool}/{node}/drain", (Right.DRAIN,), nodes.drain, answer=answers.Drained),
    Route("GET", "/services", LOOK, gates.services, answer=answers.Services, cache=CLOCK),
    Route("POST", "/services", ENACT, gates.declare, 201, answers.Entered),
    Route("GET", "/gates", LOOK, gates.listed, answer=answers.Gates, cache=CLOCK),
    Route("GET", "/attestations", LOOK, gates.attestations, answer=answers.Attestations, cache=STATE),
    Route("POST", "/attestations", ENACT, gates.attest, 201, answers.Entered),
    Route("GET", "/charter", LOOK, charters.in_force, answer=answers.InForce, cache=STATE),
    Route("GET", "/charters", LOOK, amendments.charters, answer=answers.Charters, cache=STATE),
    Route("POST", "/charters", ENACT, charters.enter, answer=answers.Enacted),
    Route("GET", "/charters/{digest}", LOOK, amendments.charter, answer=answers.CharterText, cache=FOREVER),
    Route("POST", "/plans", LOOK, amendments.plan, answer=answers.Plan, is_safe=False),
    Route("GET", "/amendments", LOOK, amendments.acts, answer=answers.Amendments, cache=STATE),
    Route("GET", "/amendments/{digest}", LOOK, amendments.amendment, answer=answers.Amendment, cache=STATE),
    Route("POST", "/amendments/{digest}/signatures", ENACT, amendments.sign, answer=answers.Enacted),
    Route("GET", "/promises", LOOK, promises.listed, answer=answers.Promises, cache=CLOCK),
    Route("GET", "/promises/{promise}", LOOK, promises.one, answer=answers.Promise, cache=CLOCK),
    Route("GET", "/promises/{promise}/windows", LOOK, promises.windows, answer=answers.JudgedWindows, cache=STATE),
    Route("GET", "/promises/{promise}/receipt", LOOK, promises.receipt, cache=STATE, kind=promises.RECEIPT),
    Route("GET", "/ledger", LOOK, ledger.head, answer=answers.LedgerHead, cache=STATE),
    Route("GET", "/ledger/checkpoint", LEDGER, ledger.checkpoint, cache=STATE, kind=TEXT),
    Route("GET", "/ledger/tile/{path:path}", LEDGER, ledger.tile, cache=FOREVER, kind=BYTES),
    Route("GET", "/ledger/entries", LEDGER, ledger.entries, answer=answers.LedgerEntries, cache=STATE),
    Route("GET", "/ledger/proof/inclusion", LEDGER, ledger.inclusion, answer=answers.Inclusion, cache=STATE),
    Route("GET", "/ledger/proof/consistency", LEDGER, ledger.consistency, answer=answers.Consistency, cache=STATE),
    Route("GET", "/simulations", LOOK, simulations.listed, answer=answers.Simulations, cache=STATE),
    Route("POST", "/simulations", SIMULATE, simulations.begin, 202, answers.Simulation, is_safe=False),
    Route("GET", "/simulations/{number}", LOOK, simulations.one, answer=answers.Simulation, cache=STATE),
    Route("GET", "/simulations/{number}/result", LOOK, simulations.result, answer=answers.Simulated, cache=STATE),
    Route("DELETE", "/simulations/{number}", SIMULATE, simulations.cancel, answer=answers.CancelledSimulation),
    Route("GET", "/alerts", LOOK, watching.alerts, answer=answers.Alerts, cache=STATE),
    Route("GET", "/webhooks", HOOKS, hooks.listed, answer=answers.Hooks, cache=STATE),
    Route("POST", "/webhooks", HOOKS, hooks.add, 201, answers.Hook),
    Route("POST", "/webhooks/{name}/test", HOOKS, hooks.try_out, answer=answers.Tried, is_safe=False),
    Route("DELETE", "/webhooks/{name}", HOOKS, hooks.remove, answer=answers.Named),
    Route("GET", "/tokens", TOKENS, holders.listed, answer=answers.Tokens, cache=STATE),
    Route("POST", "/tokens", TOKENS, holders.new, 201, answers.NewToken, is_secret=True, is_safe=False),
    Route("GET", "/tokens/{token}", TOKENS, holders.one, answer=answers.Token, cache=STATE),
    Route("DELETE", "/tokens/{token}", TOKENS, holders.revoke, answer=answers.Revoked),
    Route("GET", "/events", LOOK, events.stream, kind="text/event-stream"),
    Route("GET", "/metrics", LOOK, watching.metrics, kind="text/plain; version=0.0.4; charset=utf-8"),
)


def add_routes(app: FastAPI) -> None:
    """Give an app its routes."""
    app.router.route_class = guarded_route({(one.method, BASE + one.path): one for one in ROUTES})
    for one in ROUTES:
        described = description(one)
        app.router.add_api_route(
            BASE + one.path,
            one.endpoint,
            methods=[one.method],
            status_code=one.status,
            response_model=None,
            **described,
        )
