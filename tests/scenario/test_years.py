"""The demo's years begin where its quarter ended: the outlook divides the lab as the scheduler did."""

from __future__ import annotations

from equipoise.outlook.room import Asked
from equipoise.outlook.run import forecast
from equipoise.tasks.demo import demo

DAYS, LATEST = 90, 30
CLOSE = 0.1  # an hour of the machine is not a mean over a month


def test_first_month_of_the_outlook_starves_whom_the_last_month_of_the_replay_starved() -> None:
    found = demo()
    for run, course in zip(found.runs, found.years.courses, strict=True):
        end, before = (
            {row["team"]: row for row in run.account(until_s=days * 86_400).to_dicts()}
            for days in (DAYS, DAYS - LATEST)
        )
        months = forecast(course.world, runs=20, asked=Asked(months=6, marks=(1,)))
        for team in course.world.groups:
            denied, entitled = (end[team][name] - before[team][name] for name in ("denied_gpu_h", "entitled_gpu_h"))
            seen = float(months.team("starved", team, month=1)[0])
            assert abs(seen - denied / entitled) < CLOSE, (course.label, team, seen, denied / entitled)
    assert found.years.watched == "safety"
