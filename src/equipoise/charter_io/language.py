"""The charter language as a table: every field, its kind, its default and what it means.

The reader, the JSON Schema and the nearest-key hints all come from here.
"""

from __future__ import annotations

from equipoise.charter_io.kinds import (
    AMOUNT,
    DENOMINATOR,
    DIGEST,
    GROUP,
    KEY,
    MOMENT,
    NAME,
    NODES,
    PATH,
    PERSON,
    SHARE,
    TEXT,
    TRUTH,
    WINDOW,
    ZONE,
    ByPool,
    Field,
    ListOf,
    MapOf,
    Record,
    decimal,
    duration,
    integer,
    one_of,
    percent,
)
from equipoise.units import MINUTE_MS

VERSION = "charter/v1"

POOL = Record(
    {
        "device": Field(TEXT, "What the devices are called.", required=True),
        "expect": Field(NODES, "Planning capacity: N nodes of M gpu.", required=True),
        "heh": Field(decimal(high=1_000_000, zero=False), "H100-equivalent hours per device-hour.", "1"),
    }
)

PROTECT = Record(
    {
        "grace": Field(duration(), "Between warning and stop.", "10m"),
        "min_runtime": Field(duration(), "Not reclaimed before it has run this long.", "30m"),
        "reclaims_per_day": Field(integer(high=1_000_000), "Beyond this, other victims are chosen first.", "4"),
    }
)

INHERITED = {
    "lend": Field(percent(), "Of its own floor, while idle; the rest stays free.", "100%"),
    "recover": Field(duration(), "Longest wait for a lent floor.", "1h"),
    "protect": Field(PROTECT, "What this team's borrowed jobs may count on."),
    "max_job": Field(AMOUNT, "Largest gang; the smallest along the path holds."),
    "submit": Field(ListOf(PERSON, least=1), "Who may submit; everyone if left out."),
    "owner": Field(GROUP, "Who answers requests for credits."),
    "protected_by": Field(ListOf(NAME), "Boards that sign what weakens it; adds up along the path."),
}

DEFAULTS = Record(
    {**INHERITED, "reclaim": Field(one_of("floors", "shares"), "What reclaim restores, for the whole lab.", "floors")}
)

TEAM = Record(
    {
        "floor": Field(ByPool(SHARE), "Had at once when asked for.", "0%"),
        "limit": Field(ByPool(SHARE), "Never exceeded.", "100%"),
        "weight": Field(decimal(high=1000), "Claim on what floors leave.", "1"),
        **INHERITED,
    },
    recursive="teams",
)

STARTS = Record(
    {
        "jobs_up_to": Field(AMOUNT, "Jobs of up to this size count.", required=True),
        "within": Field(duration(low=1000), "How soon they start.", required=True),
        "at_least": Field(percent(), "Share of them that does.", required=True),
    }
)

COMMITMENT = Record(
    {
        "team": Field(PATH, "To whom it is promised.", required=True),
        "at_least": Field(percent(), "At least this share of the denominator."),
        "at_most": Field(percent(), "At most this share of the denominator."),
        "starts": Field(STARTS, "That jobs start within a time."),
        "of": Field(DENOMINATOR, "Denominator: delivered, capacity, or capacity at DATE.", "delivered"),
        "pools": Field(ListOf(NAME, least=1), "Pools of numerator and denominator; all if left out."),
        "window": Field(WINDOW, "What it is judged over.", required=True),
        "unused": Field(one_of("carry", "forfeit"), "Hours not asked for stay owed, or lapse at once.", "carry"),
        "make_good": Field(percent(high=1000), "Of the broken hours, added to the next window.", "0%"),
        "pace_max": Field(percent(), "The most capacity pacing may ask for; 1.5 × at_least if left out."),
        "settle": Field(duration(), "The record must be complete by then.", "7d"),
        "warn_below": Field(percent(), "Probability of keeping it.", "90%"),
        "protected_by": Field(ListOf(NAME), "Boards that sign what weakens it, and hear of it."),
        "public": Field(TRUTH, "Whether verdicts are published.", "false"),
    }
)

STAGE = Record(
    {
        "name": Field(NAME, "The stage.", required=True),
        "quota": Field(percent(), "Of the team's limit per pool.", required=True),
        "needs": Field(MapOf(NAME, NAME), "Attestation type to the board that signs it.", required=True),
        "after": Field(duration(), "That long in the stage before.", "0s"),
    }
)

GATE = Record(
    {
        "teams": Field(ListOf(PATH, least=1), "Teams whose services run gated releases.", required=True),
        "stages": Field(ListOf(STAGE, least=1), "Stages, in order.", required=True),
        "max_age": Field(duration(low=1000), "Attestations older than this do not count.", "180d"),
        "drain": Field(duration(), "How the quota falls once they do not.", "0d"),
        "protected_by": Field(ListOf(NAME), "Boards that sign what weakens it."),
    }
)

EVIDENCE = Record(
    {
        "checkpoint_every": Field(duration(low=1000), "Longest gap between signed checkpoints.", "24h"),
        "witnesses": Field(integer(high=1000), "Independent cosigners.", "0"),
    }
)

PEOPLE = Record({"min_group": Field(integer(low=8, high=1_000_000), "Nothing is shown for fewer people.", "8")})

BOARD = Record(
    {
        "quorum": Field(integer(high=10_000), "How many members must sign.", required=True),
        "members": Field(MapOf(NAME, KEY, least=1), "Name to public key.", required=True),
    }
)


def _requirement(notice: str) -> Record:
    return Record(
        {
            "needs": Field(ListOf(NAME), "Boards that must sign.", required=True),
            "notice": Field(duration(), "From the last needed signature to force.", notice),
        }
    )


AMENDMENTS = Record(
    {
        "ordinary": Field(_requirement("0d"), "Every amendment.", required=True),
        "weakening": Field(_requirement("14d"), "An amendment that weakens something.", required=True),
        "constitution": Field(_requirement("30d"), "Boards, amendments, evidence, people, protection.", required=True),
        "emergency": Field(
            Record(
                {
                    "by": Field(NAME, "The board that may declare it.", required=True),
                    "lasts": Field(duration(low=1000), "It ends by itself after this.", "72h"),
                    "keep": Field(percent(), "Of every floor and sure share.", "75%"),
                    "per_quarter": Field(integer(high=1000), "How many may begin in a quarter.", "2"),
                }
            ),
            "A bounded change without notice.",
        ),
    }
)

CHARTER = Record(
    {
        "equipoise": Field(one_of(VERSION), "The language.", required=True),
        "lab": Field(TEXT, "Title.", required=True),
        "revision": Field(integer(low=1), "The parent's plus 1.", "1"),
        "parent": Field(DIGEST, "Hash of the file that this one replaces."),
        "effective": Field(MOMENT, "Earliest start; never before notice has run."),
        "timezone": Field(ZONE, "IANA name, for calendar windows and dates.", "UTC"),
        "usage_half_life": Field(duration(low=MINUTE_MS), "Fading of past use in the order above floors.", "7d"),
        "pools": Field(MapOf(NAME, POOL, least=1), "Devices scheduled together.", required=True),
        "defaults": Field(DEFAULTS, "What teams inherit."),
        "teams": Field(MapOf(NAME, TEAM, least=1), "The tree of teams.", required=True),
        "commitments": Field(MapOf(NAME, COMMITMENT), "Promises."),
        "release_gates": Field(MapOf(NAME, GATE), "What a release needs before it may grow."),
        "evidence": Field(EVIDENCE, "What a window's record must hold."),
        "people": Field(PEOPLE, "Privacy of what is shown."),
        "boards": Field(MapOf(NAME, BOARD), "Who signs."),
        "amendments": Field(AMENDMENTS, "Who signs what."),
    }
)
