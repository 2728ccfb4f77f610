"""A lab whose ledger spans the end of a quarter: two charters, promises that are kept and broken, jobs that are stopped and lose work."""

from __future__ import annotations

from pathlib import Path
from random import Random

from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.quorum import Party, Policy
from equipoise.tasks.simulate import simulate

KEY = SigningKey("lab.example/ledger", Algorithm.ED25519, bytes(range(32)))
TRUSTED = Policy(logs=(Party(KEY.verifier),))
BEGIN_S = 1_803_859_200  # 1 March 2027
DAYS = 52


def charter_text(product: int) -> str:
    return f"""equipoise: charter/v1
lab: A small lab
timezone: Europe/Berlin
pools:
  h100: {{device: H100, expect: 4 nodes of 8 gpu}}
teams:
  product: {{floor: {product}%, teams: {{chat: {{floor: 60%}}, improve: {{}}}}}}
  safety: {{floor: 25%}}
commitments:
  safety-week: {{team: safety, at_least: 24%, window: week}}
  safety-quarter: {{team: safety, at_least: 20%, window: quarter}}
"""


def write_ledger(folder: Path) -> Path:
    """Write the log, two charters and the ledger; returns the ledger's file."""
    chance = Random(7)
    rows = ["team,submit_s,num_gpu,duration_s,priority"]
    for n in range(DAYS * 12):
        at_s = BEGIN_S + n * 7200 + chance.randrange(3600)
        team = chance.choice(["product.chat", "product.improve", "product.improve", "safety"])
        busy = n // 12 % 14 < 7  # every other week there is too much to do
        takes = chance.randrange(6 * 3600, (30 if busy else 9) * 3600)
        rows.append(f"{team},{at_s},{chance.choice([1, 2, 4, 8, 8, 16])},{takes},{chance.choice([0, 0, 1])}")
    (folder / "jobs.csv").write_text("\n".join(rows) + "\n")
    for name, product in (("first", 50), ("second", 60)):
        (folder / f"{name}.yaml").write_text(charter_text(product))
    ledger = folder / "lab.ledger"
    simulate(
        folder / "jobs.csv", folder / "first.yaml", enact=[("2027-04-10", folder / "second.yaml")], ledger=(ledger, KEY),
        closes="day",
    )  # fmt: skip
    return ledger
