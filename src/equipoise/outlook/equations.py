"""The month of the labs in equations, for people: each with the kernel functions that compute it, in the order in which they run.

docs/outlook.md prints them from here. A test holds them against the code: an equation names the parameters that its functions read, and
no others. That the numbers are right is the slow twin's business (`tests/reference/outlook.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill

WIDE = 138


@dataclass(frozen=True, slots=True)
class Equation:
    """A step of the month; parameters stand in backquotes.

    Parameters
    ----------
    text : str
    functions : tuple of str
        Of the kernel, as ``module.function``.
    """

    text: str
    functions: tuple[str, ...]


EQUATIONS: tuple[Equation, ...] = (
    Equation(
        "Demand: a part of the lab's compute, with the team's people, or for the product with revenue for each unit of compute; upwards in"
        " whole hundredths; a team of which no people are told goes on asking for the same. The policy's own functions divide a million"
        " parts under the charter that acts, and under the reference.",
        ("compute.divide_compute", "compute.demand_ppm", "compute.settle", "compute.hand_on"),
    ),
    Equation(
        "Starved s = denied ÷ entitled under the reference charter; felt: S += (s − S) / `tau_s`. A promise (at_least) is judged each three"
        " months against the lab's compute: broken if less was delivered than owed while more was asked for. Breach is 1 until the next"
        " verdict.",
        ("compute.feel_starved", "compute.judge"),
    ),
    Equation(
        "V = `mobility` (mission + `per_head` ln(compute a head)). ΔV is how much the other labs' V (log of the mean of exponentials)"
        " exceeds the own, less what it was in the first month.",
        ("staff.weigh_labs",),
    ),
    Equation(
        "Rate = `h0` · exp(r + u + `beta_s` S + `beta_m` breach + `kappa` X + `pull` ΔV), at most 0.7. Departures ~ Binomial(people,"
        " 1 − exp(−rate)); X += departures ÷ people − X ÷ `tau_x`. Knowledge falls by `chi` times that part.",
        ("staff.leave",),
    ),
    Equation(
        "In the rate u is `u_lab`, and r what a lab's known two-year retention says of it: ln(−ln retention ÷ 24 ÷ 0.0093), 0 if it is"
        " not known. What draws people to a lab is D = `draw` − `repute` · (r + u). Its first shock is its growth before the start less"
        " `g0`.",
        ("month.begin",),
    ),
    Equation(
        "Of those who leave, `out` leave the labs; the others choose in proportion to exp(V + D) · (1 + open places).",
        ("staff.depart", "staff.appeal"),
    ),
    Equation(
        "Hires: open places ÷ `tau_hire`, from a finite outside, with `q0` of a head's knowledge (`carried` if from a lab); what people"
        " know grows by (people − known) ÷ `tau_ramp` · known ÷ people.",
        ("staff.join",),
    ),
    Equation(
        "Research = (`alpha` c^ρ + (1 − `alpha`) h^ρ)^(`nu` / ρ), ρ = 1 − 1/`sigma`; c, h: compute and knowledge against the labs' mean at"
        " the start.",
        ("output.research", "output.yielded"),
    ),
    Equation(
        "Capability += `eta` · core ÷ mean core + `spill` · (best − own). Paradigm shifts come at `mu` a year; who finds one is drawn in"
        " proportion to exploration and gains `jump`; the others take up `absorb` · (exploration ÷ mean) of what they lack each month.",
        ("output.advance_capability", "output.shift"),
    ),
    Equation(
        "Revenue grows by `g0` exp(−t / `tau_g`) + `gamma` (capability − mean) + shock, slowed by what is left of the `market`, up to"
        " `revenue_cap` times serving compute. Shock = `shock_memory` · shock + `shock_size` · exp(−t / `tau_g`) · Student's t of 4"
        " degrees. Compute += `lag` · (`multiple` · revenue − compute).",
        ("output.earn", "output.serving"),
    ),
)


def printed() -> str:
    """Return the equations as a numbered list."""
    return "\n".join(
        fill(
            f"{number}. {equation.text}", WIDE, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False
        )
        for number, equation in enumerate(EQUATIONS, start=1)
    )
