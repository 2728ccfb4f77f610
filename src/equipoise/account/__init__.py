"""The account: whether a promise was kept, by numbers that anybody can add up again.

The main path: :func:`open_window` fixes what a window is judged by; the policy hands over a :class:`Close` at each
midnight and window end; :func:`judge` folds the closes and answers. Beside it stand requests for credits, what waiting
work can claim, starvation and the warning of it. Everything is in whole numbers and needs only the standard library and
``equipoise.charter``: it is part of what an outsider installs to check the rest.

Examples
--------
A team is promised a fifth of what is delivered each day, of ten GPUs. It asks for four all day and holds one:

>>> from fractions import Fraction
>>> from equipoise.charter import EVERYTHING, NOTHING, Charter, Commitment, Pool, Team, Window
>>> team = Team("safety", "safety", None, {"gpu": NOTHING}, {"gpu": EVERYTHING})
>>> promise = Commitment("fifth", "safety", Window(calendar="day"), ("gpu",), at_least=Fraction(1, 5))
>>> charter = Charter("Small", (Pool("gpu", "GPU", 10, 1),), (team,), commitments=(promise,))
>>> terms = open_window(charter, "fifth", first_period("day", "UTC", 0).span)
>>> day = Stretch(86_400_000, whole=10, held=1, demand=4)
>>> after = terms.opening.over(day, terms.scale)
>>> close = Close.between(terms.opening, after, promise="fifth", text="", window_from_ms=0, span=terms.span)
>>> verdict = judge(terms, [close], now_ms=terms.span.to_ms).verdict
>>> verdict.answer.value, [float(terms.scale.heh_h(n)) for n in (verdict.owed, verdict.delivered, verdict.denied)]
('broken', [48.0, 24.0, 24.0])
"""

from __future__ import annotations

from equipoise.account.budget import Habit, Waiting
from equipoise.account.close import Close, Record, close_from_json, fold
from equipoise.account.correction import Correction, correction_from_json
from equipoise.account.detection import Chart, alarms, average_run_length, chart
from equipoise.account.evidence import Evidence, heartbeat, silence
from equipoise.account.requests import Answered, Asked, Outcome, Request, Spent, Sums, fold_requests, sums
from equipoise.account.scale import Scale
from equipoise.account.starts import StartCounts, StartsVerdict, judge_starts
from equipoise.account.starvation import Need, hungry_days
from equipoise.account.stocks import Charge, Stocks, Stretch
from equipoise.account.terms import Terms, can_be_made_good, open_window, pacing_grace
from equipoise.account.tree import Leaves
from equipoise.account.verdict import Answer, Judgement, Verdict, judge
from equipoise.account.window import Period, Span, cuts, first_period, next_period, rolling_spans

__all__ = [
    "Answer",
    "Answered",
    "Asked",
    "Charge",
    "Chart",
    "Close",
    "Correction",
    "Evidence",
    "Habit",
    "Judgement",
    "Leaves",
    "Need",
    "Outcome",
    "Period",
    "Record",
    "Request",
    "Scale",
    "Span",
    "Spent",
    "StartCounts",
    "StartsVerdict",
    "Stocks",
    "Stretch",
    "Sums",
    "Terms",
    "Verdict",
    "Waiting",
    "alarms",
    "average_run_length",
    "can_be_made_good",
    "chart",
    "close_from_json",
    "correction_from_json",
    "cuts",
    "first_period",
    "fold",
    "fold_requests",
    "heartbeat",
    "hungry_days",
    "judge",
    "judge_starts",
    "next_period",
    "open_window",
    "pacing_grace",
    "rolling_spans",
    "silence",
    "sums",
]
