"""Scenarios as files: labs, teams, charters over time and the assumptions, read into a `World`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from equipoise.charter.model import Charter
from equipoise.charter_io import loads
from equipoise.errors import InputError
from equipoise.outlook.labs import ROLES, Lab, Stage, Team, World, world
from equipoise.tasks.reading import Reading

SHIPPED = ("product-pivot", "charter-kept", "re-engagement", "architectural-shift", "rival-leapfrogs", "flat-budget")
KEYS = {"told", "assumptions", "focal", "teams", "charters", "people", "labs", "set", "outside"}
LAB_KEYS = {
    "revenue",
    "compute",
    "capability",
    "growth",
    "reference",
    "course",
    "teams",
    "retention",
    "flat",
    "mission",
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world with its charters by name, and what it sets of the parameters."""

    world: World
    charters: Mapping[str, Charter]
    settings: tuple[str, ...]


def scenario(name: str | os.PathLike[str]) -> Scenario:
    """Read a shipped scenario by its name, or a file.

    Raises
    ------
    InputError
        N105 when there is no such scenario or it does not read; N103, N104 when its parts do not fit; C… for its charters.

    Examples
    --------
    >>> scenario("charter-kept").world.teams
    ('core', 'exploration', 'product', 'safety')
    """
    text = str(name)
    if text in SHIPPED:
        content = (files("equipoise.outlook.scenarios") / f"{text}.yaml").read_text("utf-8")
    else:
        try:
            content = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise InputError(
                "N105", f"there is no scenario {text!r}", hint="a file, or one of " + ", ".join(SHIPPED)
            ) from None
    return _Reading(text, "N105", "docs/outlook.md says what a scenario holds").read(content)


class _Reading(Reading):
    """One scenario."""

    def read(self, content: str) -> Scenario:
        """Read the whole."""
        root = self.root(content, KEYS)
        charters = {
            str(name): self.charter(str(name), body)
            for name, body in self.map(root.get("charters"), "charters").items()
        }
        shape = self.map(root.get("teams"), "teams")
        labs = tuple(
            self.lab(str(name), body, shape, charters) for name, body in self.map(root.get("labs"), "labs").items()
        )
        assumptions = tuple(str(line) for line in self.list(root.get("assumptions"), "assumptions"))
        missions = [f"mission of {lab.name} set by hand" for lab in labs if any(stage.mission for stage in lab.course)]
        made = world(
            Path(self.name).stem, labs, focal=str(root.get("focal", "")), told=str(root.get("told", "")),
            assumptions=(*assumptions, *missions), outside=int(self.number(root.get("outside", 100_000), "outside")),
        )  # fmt: skip
        return Scenario(made, charters, tuple(str(line) for line in self.list(root.get("set"), "set")))

    def charter(self, name: str, body: Any) -> Charter:
        """Read a charter from its teams and commitments."""
        parts = self.map(body, f"charter {name}", {"teams", "commitments"})
        document = {
            "equipoise": "charter/v1",
            "lab": name,
            "pools": {"compute": {"device": "compute", "expect": "1000 nodes of 8 gpu"}},
        }
        return loads(yaml.safe_dump(document | parts), f"{self.name}, charter {name}")

    def lab(self, name: str, body: Any, shape: Mapping[str, Any], charters: Mapping[str, Charter]) -> Lab:
        """Read a lab."""
        parts = self.map(body, name, LAB_KEYS)
        teams = self.map(parts.get("teams"), f"{name}: teams")
        missions = {
            int(month): self.number(value, f"{name}: mission")
            for month, value in self.map(parts.get("mission") or {}, "mission").items()
        }
        course = {
            int(month): str(charter) for month, charter in self.map(parts.get("course"), f"{name}: course").items()
        }
        stages: list[Stage] = []
        for month in sorted({*course, *missions}):
            acting = [course[m] for m in sorted(course) if m <= month]
            thought = [missions[m] for m in sorted(missions) if m <= month]
            stages.append(
                Stage(month, self.one(acting[-1] if acting else "", charters), thought[-1] if thought else 0.0)
            )
        reference = parts.get("reference")
        return Lab(
            name, tuple(self.team(name, str(team), own, self.map(shape.get(team), f"team {team}")) for team, own in teams.items()),
            tuple(stages), None if reference is None else self.one(str(reference), charters),
            *(self.number(parts.get(key, 0), f"{name}: {key}") for key in ("revenue", "compute", "capability")),
            growth=None if parts.get("growth") is None else self.number(parts["growth"], f"{name}: growth"),
            retention=None if parts.get("retention") is None else self.number(parts["retention"], f"{name}: retention"),
            flat=bool(parts.get("flat")),
        )  # fmt: skip

    def team(self, lab: str, name: str, own: Any, shape: Mapping[str, Any]) -> Team:
        """Read a team of a lab: what all labs share, and its own."""
        parts = dict(shape) | dict(self.map(own, f"{lab}, {name}", {"people", "growth", "asks", "starved", "breach"}))
        role = parts.get("role")
        if role not in ROLES:
            raise self.wrong(f"team {name} has the role {role!r}; roles are {', '.join(ROLES)}")
        numbers = {
            key: self.number(parts.get(key, 0), f"{lab}, {name}: {key}")
            for key in ("asks", "growth", "starved", "breach")
        }
        return Team(name, role, int(self.number(parts.get("people", 0), f"{lab}, {name}: people")), **numbers)

    def one(self, name: str, charters: Mapping[str, Charter]) -> Charter:
        """Return a charter by name."""
        if name not in charters:
            raise self.wrong(f"there is no charter {name!r}; there are {', '.join(charters)}")
        return charters[name]
