"""The dashboard's modules in a report: tables that sort, receipts that are checked where they stand. Without scripts nothing is missing.

The page's policy allows scripts by their digests and by nothing else: the switch of themes, the import map, which holds the modules and
so fixes every byte of them, and two lines that begin. Modules are let run because one of those lines loads them (`'strict-dynamic'`);
a script that came with a name in a log would have no digest, and no address that is allowed.
"""

from __future__ import annotations

from equipoise import web
from equipoise.report import theme
from equipoise.report.markup import Markup

REPLAY = "report/main.js"
PERIOD = "report/period.js"


def said(entry: str) -> str:
    """What the page says of its scripts, for its method."""
    if web.inlined((entry,)) is None:
        return (
            "This page was written by a copy of Equipoise without the dashboard's modules: its tables do not sort"
            + (", and its receipts are not checked in the page." if entry == PERIOD else ".")
        )
    checks = " and check receipts" if entry == PERIOD else ""
    return (
        f"Scripts sort and search tables{checks}; without them nothing else is missing, and paper shows none of it. The page’s"
        " content security policy lets those scripts run whose digests it names: one of them is the import map, which holds the"
        " modules themselves. All names are escaped, and nothing is fetched or sent."
    )


def script_policy(entry: str | None) -> str:
    """Return the scripts that a page's policy allows: its own, and those that make the modules run."""
    made = None if entry is None else web.inlined((entry,))
    if entry is None or made is None:
        return web.script_source(theme.script())
    return f"{web.script_source(theme.script(), made.import_map, _begin(entry), _import(entry))} 'strict-dynamic'"


def style(entry: str | None) -> str:
    """Return the style of what modules make."""
    return "" if entry is None or web.inlined((entry,)) is None else _STYLE


def scripts(entry: str | None) -> Markup:
    """Return the import map and what begins; nothing where there are no modules."""
    made = None if entry is None else web.inlined((entry,))
    if entry is None or made is None:
        return Markup("")
    return Markup(f'<script type="importmap">{made.import_map}</script><script>{_begin(entry)}</script>')


def _import(entry: str) -> str:
    return f'import "app/{entry}"'


def _begin(entry: str) -> str:
    # Made by a script and not by the parser: only then are the modules that it imports allowed without addresses of their own.
    return (
        "(function(){if(!(HTMLScriptElement.supports&&HTMLScriptElement.supports('importmap')))return;"
        "var script=document.createElement('script');script.type='module';"
        f"script.textContent='{_import(entry)}';document.head.appendChild(script)}})()"
    )


_STYLE = """
.eq .hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.eq .live{margin:10px 0 0}
.eq .tools{display:flex;flex-wrap:wrap;align-items:center;gap:6px 12px;margin:0 0 6px;font-size:.82rem}
.eq .tools .push{margin-left:auto}
.eq .live input,.eq .live textarea{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--soft);border-radius:6px;
padding:4px 8px}
.eq .live textarea{width:100%;box-sizing:border-box;font-family:ui-monospace,monospace;font-size:.82rem}
.eq .sheet{overflow-x:auto;max-width:100%;position:relative}
.eq .sheet:has(tr.space){max-height:min(70vh,720px);overflow-y:auto}
.eq .sheet:has(tr.space) th{position:sticky;top:0;z-index:1;background:var(--paper);box-shadow:inset 0 -1px var(--line)}
.eq .sheet:has(tr.space) td{height:32px;padding-top:0;padding-bottom:0;box-sizing:border-box;white-space:nowrap}
.eq .sheet tr.space td{height:auto;padding:0;border:0}
.eq .sheet th button{all:unset;cursor:pointer}
.eq .sheet th button:hover,.eq .sheet th[aria-sort] button{color:var(--ink)}
.eq .sheet th[aria-sort] button{font-weight:600}
.eq .live :focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.eq .sheet tr:focus-visible{outline:none}
.eq .sheet tr:focus-visible td{background:var(--faint);box-shadow:inset 0 2px var(--accent),inset 0 -2px var(--accent)}
.eq .sheet td:has(>.text){text-align:left;white-space:normal;min-width:16em}
.eq .sheet th:first-child,.eq .sheet td:first-child{text-align:left}
.eq .sheet .deep{padding-left:14px;color:var(--soft)}
.eq .sheet .bad,.eq .receipt .bad{color:var(--denied)}.eq .sheet .good,.eq .receipt .good{color:var(--accent)}
.eq .verify h3{margin-top:26px}
.eq .receipt{margin:6px 0}
.eq .result{border-left:4px solid var(--accent);background:var(--card);padding:8px 16px;margin:10px 0}
.eq .result.fails,.eq .result.grave{border-left-color:var(--denied)}.eq .result.fails h3{color:var(--denied)}
.eq .result h3{margin:4px 0;font-size:1rem}
.eq .result ul{padding-left:1.2em}.eq .result ul.plain{padding:0;list-style:none}.eq .result li{margin:3px 0;overflow-wrap:anywhere}
@media screen{.eq .still{display:none}}
@media print{.eq .live{display:none}}
"""
