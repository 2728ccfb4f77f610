"""Replays that the tests of reports look at: small, but with all that a report can show."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from equipoise.charter_io import loads
from equipoise.simulator.run import NodeChange
from equipoise.tasks.simulate import Comparison, simulate
from equipoise.workload.model import Service, Workload
from equipoise.workload.synthetic import lab, lab_charter

DAYS, GPUS = 6, 512

HOSTILE = '</script><script>alert("1")</script>&<img src=x onerror=alert(2)> \' \u202e\x07'


@cache
def synthetic() -> Comparison:
    """The synthetic lab, small and short, as promised and with the product first: services, pools, an inner team."""
    return simulate(lab(2, days=DAYS, gpus=GPUS), loads(lab_charter(GPUS), "demo.yaml"), vs=["product-first"])


@cache
def outage() -> Comparison:
    """Four devices of which one goes away; a service that is not served; jobs that are too large; three rules."""
    charter = loads(
        "equipoise: charter/v1\nlab: Small\npools: {p: {device: G, expect: 4 nodes of 1 gpu}}\n"
        "teams: {product: {floor: 50%}, safety: {floor: 25%, teams: {evals: {floor: 50%}, red: {}}}}\n"
    )
    log = "team,submit_s,num_gpu,duration_s\nproduct,0,3,7200\nsafety.evals,10,2,3600\nsafety.red,20,9,100\n"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.csv"
        path.write_text(log + "safety.red,30,1,600\nproduct,40,0,9\n", "utf-8")
        from equipoise.traces import read

        work = read(path, leaves=[team.path for team in charter.leaves], pools=["p"])
    service = Service(
        "chat", work.teams.index("product"), 0, 1, 0, np.array([0, 9_000_000]), np.array([3, 0], np.int32)
    )
    whole = Workload(work.jobs, work.teams, work.pools, work.users, (service,), None, work.skipped, work.notes)
    changes = [NodeChange(600_000, "p", 3, "down"), NodeChange(4_000_000, "p", 3, "up")]
    return simulate(whole, charter, vs=["fifo", "no-floors"], outages=changes)
