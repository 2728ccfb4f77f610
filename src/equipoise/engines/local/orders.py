"""From a launch to what its processes are: who they run as, where, with which environment, limits and devices."""

from __future__ import annotations

import os
import pwd
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from equipoise.engines.local.launcher import Identity, Recipe, problem
from equipoise.engines.local.machine import CannotStartError, Place
from equipoise.engines.local.processes import MARK
from equipoise.engines.local.wire import Message


@dataclass(frozen=True, slots=True)
class Customs:
    """What of the settings concerns every job."""

    device_variables: tuple[str, ...] = ()
    per_part: bool = False
    inherited: Mapping[str, str] = field(default_factory=dict[str, str])
    limits: Mapping[int, int] = field(default_factory=dict[int, int])
    nice: int = 0

    @staticmethod
    def of(message: Mapping[str, Any]) -> Customs:
        """Read them from the controller's greeting."""
        names = (
            ("open_files", resource.RLIMIT_NOFILE),
            ("memory_bytes", resource.RLIMIT_AS),
            ("cpu_s", resource.RLIMIT_CPU),
        )
        limits = {number: message[name] for name, number in names if message[name]}
        return Customs(
            tuple(message["device_variables"]), message["per_part"], message["inherited"], limits, message["nice"]
        )


def identity_of(user: str) -> Identity | None:
    """Look up as whom a job runs; None: as the supervisor itself. Raises CannotStartError."""
    if not user:
        return None
    try:
        found = pwd.getpwnam(user)
    except (KeyError, ValueError):
        raise CannotStartError(f"this machine has no user {user!r}") from None
    if found.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        own = pwd.getpwuid(os.geteuid()).pw_name
        raise CannotStartError(
            f"a controller that runs as {own!r} cannot run jobs as {user!r}: only one that runs as root can"
        )
    return Identity(found.pw_uid, found.pw_gid, tuple(os.getgrouplist(user, found.pw_gid)))


def recipes(
    order: Message, identity: Identity | None, places: Sequence[Place], mark: str, customs: Customs
) -> list[Recipe]:
    """Say how each process of an attempt is made. Raises CannotStartError."""
    if order["argv"] is None:
        raise CannotStartError("a job without a command: users cannot give jobs to the local engine")
    wrong = problem(order["argv"], order["environment"])
    if wrong:
        raise CannotStartError(wrong)
    try:
        user = pwd.getpwuid(os.geteuid() if identity is None else identity.uid)
        person = {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name, "SHELL": user.pw_shell}
    except KeyError:
        person = {"HOME": "/"}
    directory = order["directory"] or (person["HOME"] if os.path.isdir(person["HOME"]) else "/")
    groups = [[place] for place in places] if customs.per_part else [list(places)]
    made: list[Recipe] = []
    for rank, group in enumerate(groups):
        own = _own(order, rank, len(groups), group, places) | {MARK: mark}
        devices = own["EQUIPOISE_DEVICES"]
        own |= dict.fromkeys(customs.device_variables, devices)
        if customs.device_variables:
            own["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # devices are numbered as they stand on the bus
        environment = {**customs.inherited, **person, **order["environment"], **own}
        argv = tuple(order["argv"])
        made.append(Recipe(argv, environment, directory, identity, customs.limits, customs.nice))
    return made


def _own(order: Message, rank: int, size: int, group: list[Place], places: Sequence[Place]) -> dict[str, str]:
    """Return what the engine tells a job; it prevails over what the job was given."""
    job, _, number = order["attempt"].partition(".")
    return {
        "EQUIPOISE_JOB": job,
        "EQUIPOISE_ATTEMPT": number,
        "EQUIPOISE_TEAM": order["team"],
        "EQUIPOISE_POOL": order["pool"],
        "EQUIPOISE_DEVICES": ",".join(device for place in group for device in place.devices),
        "EQUIPOISE_NODES": ",".join(f"{place.node}:{len(place.devices)}" for place in places),
        "EQUIPOISE_RANK": str(rank),
        "EQUIPOISE_SIZE": str(size),
    }
