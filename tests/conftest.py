"""What all tests share: the cache of compiled kernels, how hard Hypothesis tries, skips that are named and counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# Before anything imports numba: the workers of pytest-xdist and the commands that tests start share one cache.
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".cache" / "numba"))

# Kernels compile on first use, and machines are shared: how long one example takes says nothing.
_common = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
# The default is the same on every run, so that a red check is a changed program; `script/soak` searches at random.
settings.register_profile("check", _common, derandomize=True, max_examples=100)
settings.register_profile("soak", _common, max_examples=5_000)
settings.load_profile("check")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forbid-skips", action="store_true", help="fail when a test was skipped (CI)")


def _skipped(config: pytest.Config) -> list[pytest.TestReport | pytest.CollectReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return [] if reporter is None else list(reporter.stats.get("skipped", []))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    # Before the terminal reporter writes its closing line, which shows the exit status by its colour only.
    config = session.config
    if config.getoption("--forbid-skips") and _skipped(config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = _skipped(config)
    if not skipped:
        return
    verdict = ", and none may be (--forbid-skips)" if config.getoption("--forbid-skips") else ""
    terminalreporter.section(f"{len(skipped)} skipped{verdict}")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.line(f"{report.nodeid}: {str(reason).removeprefix('Skipped: ')}")
