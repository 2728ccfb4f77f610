/** A team's page: how it stands, who waits and why, what it held over time, loans, jobs that gave way, and its requests. */
import { html } from "htm/preact";
import { BarKey, Bar } from "../parts/bar.js";
import { Card } from "../parts/card.js";
import { Filmbar, RunChoice } from "../parts/filmbar.js";
import { Sentence } from "../parts/sentence.js";
import { Answered } from "../parts/states.js";
import { ofRun, useRun } from "../runs.js";
import { useServer } from "../server.js";
import { at, href, param, team as looked } from "../state.js";
import { teamDetail, teamLink, teamSentence } from "../teams/answer.js";
import { Course } from "../teams/course.js";
import { Loans, Queue, Requests, Stops } from "../teams/lists.js";
import { Whiskers } from "../teams/whiskers.js";
import { amount, count, decimal, duration, instant, percent } from "../units.js";

const HOUR_MS = 3_600_000;

export default function Team() {
  const chosen = useRun();
  const path = looked.value ?? "";
  const shown = useServer(ofRun(chosen, `/teams/${encodeURIComponent(path)}`), { query: { at_ms: at.value }, isLive: chosen.isNow });
  return html`<${Trail} path=${path} />
    <${Answered} of=${chosen.name ? shown : chosen.of} what="the team">${(/** @type {any} */ team) => chosen.name && html`<${Page} key=${path} team=${team} chosen=${chosen} />`}<//>
    <${Filmbar} chosen=${chosen} />`;
}

/** Teams above this one. @param {{path: string}} props */
function Trail({ path }) {
  const parts = path.split(".");
  return html`<nav class="trail" aria-label="Teams above"><a href=${href({ screen: "teams" })}>Teams</a>${parts.slice(0, -1).map((part, n) => html` › <a key=${n} href=${href({ screen: "team", rest: parts.slice(0, n + 1).join(".") })}>${part}</a>`)} › <span aria-current="page">${parts.at(-1)}</span></nav>`;
}

/** @param {{team: any, chosen: import("../runs.js").Chosen}} props */
function Page({ team, chosen }) {
  const isPlaying = param("play").value === "1";
  const why = isPlaying ? null : ofRun(chosen, `/teams/${encodeURIComponent(team.path)}/queue`);
  const reasons = useServer(why, { query: { at_ms: at.value }, isLive: chosen.isNow });
  return html`
    <${Sentence} detail=${teamDetail(team)}>${teamSentence(team)}<//>
    <div class="tools"><${RunChoice} chosen=${chosen} /><span class="soft push">${chosen.isNow ? "As of" : "At"} ${instant(team.at_ms)}</span></div>
    <${BarKey} />
    <section class="cards" aria-label="Pools"><${Pools} team=${team} /></section>
    ${team.teams.length > 0 && html`<p>Teams below it: ${team.teams.map((/** @type {string} */ one, /** @type {number} */ n) => html`${n ? ", " : ""}${teamLink(one)}`)}.</p>`}
    ${chosen.known && html`<h2>Held against what it was entitled to</h2><${Course} chosen=${chosen} teams=${[team.path]} measures=${["held", "entitled", "floor", "denied"]} until_ms=${team.at_ms} name="course" label=${`Devices that ${team.path} held, was entitled to and was denied.`} />`}
    ${team.queue && html`<h2>Who waits, and why</h2><${Queue} queue=${team.queue} reasons=${reasons} />`}
    <div class="halves">
      <section><h2>Who holds its floor</h2><${Loans} of=${team.loans.lends} name="lends" label="Loans of its floor" none="Nobody: what it does not hold is free, or it holds all of it." /></section>
      <section><h2>Whose floor it holds</h2><${Loans} of=${team.loans.borrows} name="borrows" label="Loans to it" none="Nobody’s." /></section>
    </div>
    ${team.waits && html`<h2>Waits</h2><p class="soft">From when a job could run to its first start, of those that could in the last ${duration(team.waits.lasts_ms)}.</p><${Whiskers} of=${team.waits} />`}
    ${team.reclaims && html`<h2>Jobs that gave way</h2>
      <p class="soft">In the last ${duration(team.reclaims.suffered.lasts_ms)} ${amount(team.reclaims.suffered.in_all, "job")} of this team gave way to others, and lost ${decimal(team.reclaims.suffered.lost_gpu_ms / HOUR_MS, 0)} GPU hours; ${amount(team.reclaims.caused.in_all, "job")} of others gave way to this team’s.</p>
      <h3>To others</h3><${Stops} of=${team.reclaims.suffered} name="suffered" label="Jobs of this team that gave way" isCaused=${false} />
      <h3>To this team</h3><${Stops} of=${team.reclaims.caused} name="caused" label="Jobs of others that gave way to this team" isCaused=${true} />`}
    ${team.requests && html`<h2>Requests for credits</h2><${Requests} of=${team.requests} />`}`;
}

/** @param {{team: any}} props */
function Pools({ team }) {
  const most = (/** @type {any} */ pool) => Math.max(1, pool.held_gpus, pool.entitled_gpus, pool.floor_gpus);
  return html`${team.pools.map((/** @type {any} */ pool) => html`<${Card} key=${pool.pool} title=${pool.pool}
    figure=${html`${count(pool.held_gpus)} <span class="soft small">held of ${count(pool.entitled_gpus)} entitled</span>`}
    note=${html`Floor ${count(pool.floor_gpus)}${pool.limit_gpus < pool.capacity_gpus && `, limit ${count(pool.limit_gpus)}`}${pool.lacks_gpus > 0 && html`, <b class="bad">${count(pool.lacks_gpus)} below it</b>`}. ${pool.waiting_jobs ? `${amount(pool.waiting_jobs, "job")} ${pool.waiting_jobs === 1 ? "waits" : "wait"} for ${amount(pool.waiting_gpus)}, the longest for ${duration(pool.longest_wait_ms)}.` : "Nothing waits."}`}>
    <${Bar} held=${pool.held_gpus} floor=${pool.floor_gpus} entitled=${pool.entitled_gpus} borrowed=${Math.min(pool.borrowed_gpus, pool.held_gpus)} lent=${pool.lent_gpus} most=${most(pool)} />
  <//>`)}
  <${Card} title="Over time" figure=${html`${percent(team.all.share_28d_ppm)} <span class="soft small">of the lab in 28 d</span>`} note=${html`Its floors are ${percent(team.all.floor_ppm)} of the lab.${team.all.denied_7d_ppm !== null && ` In 7 d it was denied ${percent(team.all.denied_7d_ppm)} of what it was entitled to.`}`} />`;
}
