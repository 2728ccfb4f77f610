"""Charters to and from what other schedulers call quotas: Kueue's objects, Slurm's accounts; and what gets lost on the way.

Main path: :func:`to_kueue` and :func:`to_slurm` write a charter for another scheduler, :func:`from_kueue` and
:func:`from_slurm` propose a charter from what one has. Each returns the text and a list of :class:`Loss`: one sentence for
everything that the other side cannot say, with its place. Nothing is dropped silently.

>>> from equipoise.charter_io import loads
>>> charter = loads('''
... equipoise: charter/v1
... lab: Small
... pools: {h100: {device: H100, expect: 2 nodes of 8 gpu}}
... teams: {research: {floor: 50%, limit: 75%}, safety: {floor: 25%, lend: 50%}}
... ''')
>>> text, lost = from_kueue([to_kueue(charter).text])
>>> [(team.path, team.floor["h100"].gpus, team.limit["h100"].gpus) for team in loads(text).teams]
[('research', 8, 12), ('safety', 4, None)]
"""

from __future__ import annotations

from equipoise.charter_io.exchange.kueue_reading import from_kueue
from equipoise.charter_io.exchange.kueue_writing import to_kueue
from equipoise.charter_io.exchange.loss import Exchanged, Loss
from equipoise.charter_io.exchange.slurm import from_slurm, to_slurm

__all__ = ["Exchanged", "Loss", "from_kueue", "from_slurm", "to_kueue", "to_slurm"]
