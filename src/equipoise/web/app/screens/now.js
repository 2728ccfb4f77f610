/** Now: the lab in one screen. First who is below their floor and since when; then pools, teams, loans, and what has changed. */
import { html } from "htm/preact";
import { useMemo } from "preact/hooks";
import { BarKey } from "../parts/bar.js";
import { Card } from "../parts/card.js";
import { Filmbar, RunChoice } from "../parts/filmbar.js";
import { Sentence } from "../parts/sentence.js";
import { Answered } from "../parts/states.js";
import { Tree } from "../parts/tree.js";
import { ofRun, useRun } from "../runs.js";
import { useServer } from "../server.js";
import { at, href } from "../state.js";
import { nowDetail, nowSentence, teamLink } from "../teams/answer.js";
import { Course } from "../teams/course.js";
import { Happened } from "../teams/happened.js";
import { Pools } from "../teams/pools.js";
import { standingColumns } from "../teams/standing.js";
import { count, instant } from "../units.js";

export default function Now() {
  const chosen = useRun();
  const shown = useServer(ofRun(chosen, "/now"), { query: { at_ms: at.value }, isLive: chosen.isNow });
  return html`<${Answered} of=${chosen.name ? shown : chosen.of} what="the lab">${(/** @type {any} */ now) => chosen.name && html`<${Board} now=${now} chosen=${chosen} />`}<//>
    <${Filmbar} chosen=${chosen} />`;
}

/** @param {{now: any, chosen: import("../runs.js").Chosen}} props */
function Board({ now, chosen }) {
  const columns = useMemo(() => standingColumns(now.teams), [now.teams]);
  const tops = now.teams.rows.map((/** @type {any[]} */ row) => String(row[0]));
  return html`
    <${Sentence} detail=${nowDetail(now)}>${nowSentence(now)}<//>
    <div class="tools"><${RunChoice} chosen=${chosen} /><span class="soft push">${chosen.isNow ? "As of" : "At"} ${instant(now.at_ms)}</span></div>
    ${now.alerts.length > 0 && html`<${Alerts} of=${now.alerts} />`}
    <section aria-label="Pools" class="cards"><${Pools} of=${now.pools} /></section>
    <h2>Teams</h2>
    <${BarKey} />
    <${Tree} name="top" label="Teams at the top" data=${now.teams} columns=${columns} link=${(/** @type {string} */ path) => href({ screen: "team", rest: path })}
      tools=${now.teams_in_all > tops.length && html`<a href=${href({ screen: "teams" })}>All ${count(now.teams_in_all)} teams</a>`} />
    ${chosen.known && html`<h2>Who held the machine</h2><${Course} chosen=${chosen} teams=${tops.slice(0, 7)} measure="held" until_ms=${now.at_ms} name="held" label="Devices held by each team at the top." />`}
    <div class="cards">
      ${now.loans.items.length > 0 && html`<${Card} title="Whose floor others hold" note=${`${count(now.loans.gpus)} devices between teams at the top, ${count(now.loans.within_gpus)} within them`}>
        <ul class="plain">${now.loans.items.map((/** @type {any} */ loan) => html`<li key=${`${loan.lender} ${loan.borrower}`}><b>${count(loan.gpus)}</b> of ${teamLink(loan.lender)}’s by ${teamLink(loan.borrower)}</li>`)}</ul>
      <//>`}
      <${Happened} of=${now.changed} />
    </div>`;
}

/** @param {{of: {alert: string, sentence: string, since_ms: number}[]}} props */
function Alerts({ of }) {
  return html`<section class="alerts" aria-label="Alerts"><ul class="plain">${of.map((one) => html`<li key=${one.alert}><b class="bad">${one.sentence}</b> <span class="soft">since ${instant(one.since_ms)}</span></li>`)}</ul></section>`;
}
