"""The text of a charter that was proposed from what another scheduler has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from equipoise.charter_io.exchange.loss import Loss
from equipoise.charter_io.kinds import RESERVED
from equipoise.charter_io.language import VERSION

MILLION = 1_000_000


@dataclass
class Branch:
    """A team with what is below it; amounts by pool in whole devices."""

    name: str
    floors: Mapping[str, int]
    limits: Mapping[str, int]
    weight: Decimal = Decimal(1)
    lend_e6: int = MILLION
    max_job: int | None = None
    below: list[Branch] = field(default_factory=list["Branch"])


def charter_text(
    title: str, pools: Mapping[str, Mapping[str, str]], branches: Sequence[Branch], lost: Sequence[Loss], *, origin: str
) -> str:
    """Write the charter, with what was lost as comments at its head."""
    lines = [f"# A charter proposed from {origin}. Edit it, then: equipoise check FILE --explain"]
    lines += [f"# Not carried over: {loss.place}: {loss.sentence}" for loss in lost]
    lines += [f"equipoise: {VERSION}", f"lab: {json.dumps(title[:150], ensure_ascii=False)}", "pools:"]
    for name, values in pools.items():
        quoted = {
            key: json.dumps(value, ensure_ascii=False) if key == "device" else value for key, value in values.items()
        }
        lines.append(f"  {name}: {{{', '.join(f'{key}: {value}' for key, value in quoted.items())}}}")
    lines.append("teams:")
    for branch in branches:
        lines += _team(branch, "  ", above_e6=MILLION)
    return "\n".join(lines) + "\n"


def name_of(text: str, taken: set[str], lost: list[Loss], place: str) -> str:
    """Return a name of the charter language for one of another scheduler, and note it as taken."""
    name = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    name = (name if name[:1].isalpha() else f"t-{name}")[:60]
    name = f"{name}-team" if name in RESERVED else name
    plain, number = name, 2
    while name in taken:
        name, number = f"{plain}-{number}", number + 1
    taken.add(name)
    if name != text and name != text.rpartition(".")[2]:
        loss = Loss(place, f"Its name in the charter is {name}.")
        if loss not in lost:
            lost.append(loss)
    return name


def _team(branch: Branch, indent: str, *, above_e6: int) -> Iterator[str]:
    yield f"{indent}{branch.name}:"
    inner = indent + "  "
    if any(branch.floors.values()):
        yield f"{inner}floor: {_amounts(branch.floors)}"
    if branch.limits:
        yield f"{inner}limit: {_amounts(branch.limits)}"
    yield f"{inner}weight: {branch.weight.normalize():f}"
    if branch.lend_e6 != above_e6:
        whole, rest = divmod(branch.lend_e6, 10_000)
        places = f"{rest:04d}".rstrip("0")
        yield f"{inner}lend: {whole}{'.' + places if places else ''}%"
    if branch.max_job is not None:
        yield f"{inner}max_job: {branch.max_job} gpu"
    if branch.below:
        yield f"{inner}teams:"
        for each in branch.below:
            yield from _team(each, inner + "  ", above_e6=branch.lend_e6)


def _amounts(amounts: Mapping[str, int]) -> str:
    return "{" + ", ".join(f"{pool}: {devices} gpu" for pool, devices in amounts.items()) + "}"
