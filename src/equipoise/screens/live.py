"""How a lab stands this second, as its controller tells it, in the form in which recorded moments are told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Charter
from equipoise.controller.standing import Standing
from equipoise.screens.moment import Moment

I64 = NDArray[np.int64]
WAITS = ("waiting", "claimed")


def live_moment(standing: Standing, charter: Charter) -> Moment:
    """Return a moment of the controller's standing (with its jobs); floors are those in force, as pacing set them."""
    pools = tuple(
        _pool(standing, charter, pool) for pool in charter.pools for pool in standing.pools if pool.name == pool.name
    )
    return Moment(standing.at_ms, charter, pools)
