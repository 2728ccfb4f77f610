"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numba


def machine() -> str:
    """Processor, cores, memory, the versions that make a difference, and how busy it is already."""
    model, memory = platform.machine(), ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        memory = f", {size / 2**30:.0f} GiB"
    versions = f"Python {platform.python_version()}, numba {numba.__version__}"
    return f"{model}, {os.cpu_count()} cores{memory}, {versions}, load average {os.getloadavg()[0]:.1f} before"
