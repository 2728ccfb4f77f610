"""Where the numbers of the synthetic lab come from.

Each `Marginal` is one figure that the workload imitates: what was published, where, and the interval in which the
figure measured on the workload must lie. Where the source says *assumption* the figure is ours: nobody published it,
change it freely. The papers are cited in full in `SOURCES`; the table of the Acme paper is also data (Acme's
``cluster_summary.csv``), and figures "computed" are ours from released data.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCES = {
    "Acme": "Hu et al., Characterization of Large Language Model Development in the Datacenter, NSDI 2024; its "
    "released cluster_summary.csv (CC-BY-4.0)",
    "Helios": "Hu et al., Characterization and Prediction of Deep Learning Workloads in Large-Scale GPU Datacenters, "
    "SC 2021",
    "Llama 3": "Llama Team, The Llama 3 Herd of Models, 2024, section 3.3.4",
    "Mu'alem": "Mu'alem and Feitelson, Utilization, Predictability, Workloads, and User Runtime Estimates in "
    "Scheduling the IBM SP2 with Backfilling, IEEE TPDS 12(6), 2001",
    "ServeGen": "ServeGen: Workload Characterization and Generation of Large Language Model Serving in Production, "
    "arXiv 2505.09999; its released rates (Apache-2.0)",
    "Tsafrir": "Tsafrir, Etsion and Feitelson, Modeling User Runtime Estimates, JSSPP 2005",
}

# What the generator takes as it is published.
FAILED = 0.4  # Acme: 42.9 % (Seren) and 39.7 % (Kalos) of GPU jobs fail
GPU_H_PER_INTERRUPTION = 54 * 24 * 16_384 / 466  # Llama 3: 466 interruptions in 54 days on 16,384 GPUs
DECLARED = 0.7  # *assumption*: part of jobs with a declared walltime
ESTIMATE_BADNESS = 2.0  # Mu'alem: an estimate is uniform between r and (f + 1) r; f = 2 is an *assumption*
ESTIMATES_MIN = (
    15,
    30,
    60,
    120,
    240,
    480,
    720,
    1440,
    2880,
    4320,
    7200,
    10_080,
    20_160,
    40_320,
    86_400,
)  # Tsafrir: modal
JOBS_PER_GPU_DAY = 0.3  # *assumption* between Acme's 1.6 (Seren) and 0.05 (Kalos)


@dataclass(frozen=True, slots=True)
class Marginal:
    """One figure that the synthetic lab imitates.

    Parameters
    ----------
    name : str
        What is measured, with its unit.
    published : str
        What the source says, or what was assumed.
    low, high : float
        The measured figure lies within.
    source : str
        A key of ``SOURCES`` and where in it, or *assumption* and why.
    marks : tuple of (float, str)
        The numbers in ``published``, each with what it is of, for pictures.
    """

    name: str
    published: str
    low: float
    high: float
    source: str
    marks: tuple[tuple[float, str], ...] = ()


MARGINALS = (
    Marginal(
        "median duration of a job, s",
        "122 (Seren), 124 (Kalos)",
        100,
        150,
        "Acme, cluster_summary",
        ((122, "Seren"), (124, "Kalos")),
    ),
    Marginal(
        "part of jobs that last over a day", "below 0.05", 0, 0.05, "Acme, temporal distribution", ((0.05, "at most"),)
    ),
    Marginal("median gang", "1", 1, 1, "Acme, cluster_summary", ((1, ""),)),
    Marginal(
        "mean gang",
        "5.68 (Seren), 26.77 (Kalos)",
        5.68,
        26.77,
        "Acme, cluster_summary",
        ((5.68, "Seren"), (26.77, "Kalos")),
    ),
    Marginal(
        "part of GPU-time in gangs of 1",
        "below 0.02",
        0,
        0.02,
        "Acme, comparison with earlier work",
        ((0.02, "at most"),),
    ),
    Marginal("evaluations ÷ jobs", "the majority", 0.5, 0.93, "Acme, workload categories"),
    Marginal(
        "short evaluations ÷ GPU-time of jobs",
        "0.008 (Kalos)",
        0,
        0.012,
        "Acme, workload categories",
        ((0.008, "Kalos"),),
    ),
    Marginal(
        "pretraining ÷ jobs",
        "0.009 (Seren), 0.032 (Kalos)",
        0.009,
        0.032,
        "Acme, workload categories",
        ((0.009, "Seren"), (0.032, "Kalos")),
    ),
    Marginal(
        "jobs of the largest evaluation batch",
        "63 data sets a model",
        63,
        63,
        "Acme, evaluation of a 7B model",
        ((63, ""),),
    ),
    Marginal(
        "part of debugging attempts that fail and are tried again",
        "0.429 (Seren), 0.397 (Kalos) of GPU jobs fail",
        0.36,
        0.44,
        "Acme, cluster_summary; that each is tried again is an *assumption*",
        ((0.397, "Kalos"), (0.429, "Seren")),
    ),
    Marginal(
        "GPU-hours between interruptions of the great runs",
        f"{GPU_H_PER_INTERRUPTION:,.0f}",
        0.5 * GPU_H_PER_INTERRUPTION,
        2.0 * GPU_H_PER_INTERRUPTION,
        "Llama 3: 466 interruptions in 54 days on 16,384 GPUs (few intervals are drawn, hence half to double)",
        ((GPU_H_PER_INTERRUPTION, "Llama 3"),),
    ),
    Marginal(
        "largest gang ÷ its pool",
        "0.25",
        0.24,
        0.25,
        "*assumption*: a run that fills a quarter of the best pool",
        ((0.25, "assumed"),),
    ),
    Marginal(
        "serving, peak ÷ trough of a day (mean of services)",
        "2.48 to 2.79 (m-mid, m-large, m-small; the median of 14 days)",
        2.3,
        3.0,
        "ServeGen, computed from the released rates by hour",
        ((2.48, "m-mid"), (2.79, "m-small")),
    ),
    Marginal(
        "serving, growth over 90 days without the code red",
        "1.35",
        1.2,
        1.5,
        "*assumption*: serving follows revenue",
        ((1.35, "assumed"),),
    ),
    Marginal(
        "serving, code red ÷ before",
        "2.4",
        2.2,
        2.8,
        "*assumption*, with the growth between the two spans",
        ((2.4, "assumed"),),
    ),
    Marginal(
        "submissions by people, 02:00–06:00 ÷ 14:00–18:00", "low at night", 0.05, 0.4, "Helios says it without figures"
    ),
    Marginal("submissions by people, weekend day ÷ weekday", "0.45", 0.3, 0.6, "*assumption*", ((0.45, "assumed"),)),
    Marginal("part of jobs with a declared walltime", "0.7", 0.68, 0.72, "*assumption*", ((0.7, "assumed"),)),
    Marginal(
        "declared walltime ÷ duration, jobs over an hour (median)",
        "2 before rounding",
        1.8,
        3.2,
        "Mu'alem, f-model; f = 2 is an *assumption*",
        ((2, "before rounding"),),
    ),
    Marginal("part of walltimes among the 20 most popular", "0.9 or more", 0.9, 1, "Tsafrir", ((0.9, "at least"),)),
    Marginal(
        "jobs ÷ GPU ÷ day",
        "1.6 (Seren), 0.05 (Kalos)",
        0.05,
        1.6,
        "Acme, job counts ÷ 183 days ÷ GPUs",
        ((0.05, "Kalos"), (1.6, "Seren")),
    ),
    Marginal("offered load before the code red", "0.9", 0.84, 0.97, "*assumption* of the story", ((0.9, "assumed"),)),
    Marginal(
        "offered load in the code red",
        "1.1 to 1.3",
        1.1,
        1.3,
        "*assumption* of the story",
        ((1.1, "assumed"), (1.3, "")),
    ),
    Marginal(
        "product ÷ capacity in the code red (its floor is 0.35)", "far above its floor", 0.45, 0.65, "*assumption*"
    ),
    Marginal(
        "safety ÷ capacity (its floor is 0.20)", "a little above its floor", 0.2, 0.25, "*assumption* of the story"
    ),
    Marginal(
        "exploration ÷ capacity (its floor is 0.08)", "a little above its floor", 0.08, 0.1, "*assumption* of the story"
    ),
)
