"""The timeline: a run's picture as few bytes, beside a header that says what they are."""

from __future__ import annotations

import base64
import zlib

import numpy as np

from equipoise.errors import InputError
from equipoise.screens.lab_run import LabRun, Plain
from equipoise.screens.raster import FIRST, Frame, Picture, picture
from equipoise.units import shown

MOST_WIDTH, MOST_HEIGHT = 4_000, 2_000
MOST_PIXELS = 3_000_000
LEVEL, SLOW_LEVEL = (
    4,
    7,
)  # of compression: more takes twice as long and saves a tenth, so only what is large is worth it
LARGE_BYTES = 130_000
TYPES = {"uint8": "u1", "uint16": "u2", "uint32": "u4"}
PLANES = (
    "held", "waiting_gpus", "starts", "reclaims", "failures", "denied_gpus", "reclaimed_team", "denied_team", "stack", "waiting",
)  # fmt: skip


def raster(
    run: LabRun, *, pool: str = "", from_ms: int | None, to_ms: int | None, width: int, height: int, waiting_height: int
) -> Plain:
    """Return a picture of a run.

    Parameters
    ----------
    run : LabRun
    pool : str
        Empty: the first one.
    from_ms, to_ms : int or None
        Unix times; None: where the run begins or ends.
    width, height, waiting_height : int
        Pixels of the picture of devices, and of that of what waits.

    Returns
    -------
    dict
        `heading`, and ``data``: the planes one after the other, as ``planes`` lists them with type and shape (numbers have their
        least significant byte first), compressed as zlib does (the web's ``deflate``), in base64.

    Raises
    ------
    InputError
        N175 for a pool that is not there, or a size that cannot be shown.
    """
    frame = framed(run, pool, from_ms, to_ms, width, height, waiting_height)
    found = picture(run.record, frame)
    planes = [(name, getattr(found, name)) for name in PLANES]
    raw = b"".join(
        np.ascontiguousarray(plane, np.dtype("<" + TYPES[str(plane.dtype)])).tobytes() for _, plane in planes
    )
    data = zlib.compress(raw, LEVEL)
    if len(data) > LARGE_BYTES:
        data = zlib.compress(raw, SLOW_LEVEL)
    return heading(run, frame, found) | {
        "planes": [[name, str(plane.dtype), list(plane.shape)] for name, plane in planes],
        "data": base64.b64encode(data).decode(),
    }


def framed(
    run: LabRun, pool: str, from_ms: int | None, to_ms: int | None, width: int, height: int, waiting_height: int
) -> Frame:
    """Return what is to be shown, in the run's own time; raises as `raster`."""
    begin_ms = run.own_ms(from_ms) if from_ms is not None else 0
    end_ms = run.own_ms(to_ms)
    if end_ms <= begin_ms:
        end_ms = begin_ms + 1
    if width * height > MOST_PIXELS:
        raise InputError("N175", f"{width} × {height} pixels are more than {MOST_PIXELS:,}", hint="ask for fewer")
    return Frame(pool_number(run, pool), begin_ms, end_ms, width, height, waiting_height)


def pool_number(run: LabRun, pool: str) -> int:
    """Return a pool's place in the charter, by its name; raises ``InputError`` N175."""
    names = [one.name for one in run.record.charter.pools]
    if pool and pool not in names:
        raise InputError("N175", f"no pool {shown(pool)}", hint=f"there are: {', '.join(names)}")
    return names.index(pool) if pool else 0


def heading(run: LabRun, frame: Frame, found: Picture) -> Plain:
    """Return what the planes mean."""
    record, pool = run.record, run.record.charter.pools[frame.pool]
    paths = [line.path for line in record.reference.lines]
    leaves: list[int] = record.leaves.tolist()
    return {
        "run": run.name,
        "number": run.number,
        "pool": pool.name,
        "capacity": pool.capacity,
        "from_ms": run.origin_ms + frame.from_ms,
        "to_ms": run.origin_ms + frame.to_ms,
        "ends_ms": run.origin_ms + run.ends_ms,
        "width": frame.width,
        "height": frame.height,
        "waiting_height": frame.waiting_height,
        "waiting_most": found.waiting_most,
        "first_value": FIRST,
        "edge": 1 << (8 * found.stack.itemsize - 1),
        "teams": [paths[number] for number in leaves],
    }
