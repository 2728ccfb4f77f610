/** A job's page: what became of it, why it waited, what would have changed that, and when it was to start. */
import { html } from "htm/preact";
import { Strip } from "../timeline/strip.js";
import { Card } from "../parts/card.js";
import { Answered, Empty } from "../parts/states.js";
import { Sentence } from "../parts/sentence.js";
import { Table } from "../parts/table.js";
import { useServer } from "../server.js";
import { at, go, href, rest, run as runParam } from "../state.js";
import { amount, count, duration, gpuHours, instant, iso } from "../units.js";

/** @typedef {{what: string, from_ms: number, to_ms: number | null, ended_by?: string, for?: {job: number | null, team: string, gang: number} | null}} Span */
/** @typedef {any} Life */

/** @type {Record<string, string>} */
const ENDS = { runs: "It runs on.", ended: "It ended.", reclaimed: "It was taken back", preempted: "It gave way to its own team's priority", failed: "Its node went away.", released: "It was withdrawn." };

export default function Job() {
  const runs = useServer("/runs", { isLive: true });
  return html`<${Answered} of=${runs} what="the runs">${(/** @type {{items: any[]}} */ data) => {
    const run = data.items.find((one) => one.run === runParam.value) ?? data.items[0];
    if (!run || !/^\d+$/.test(rest.value)) return html`<${Empty} title="There is no such job." hint=${html`Jobs go by their numbers; the <a href=${href({ screen: "timeline" })}>timeline</a> lists them.`} />`;
    return html`<${Found} run=${run} number=${Number(rest.value)} />`;
  }}<//>`;
}

/** @param {{run: any, number: number}} props */
function Found({ run, number }) {
  const path = `/runs/${encodeURIComponent(run.run)}/jobs/${number}`;
  const answer = useServer(path, { query: { at_ms: at.value, again: run.live ? run.number : null } });
  return html`<${Answered} of=${answer} what="the job">${(/** @type {Life} */ job) => {
    const asked_ms = instantOf(job, at.value ?? run.to_ms, at.value !== null);
    return html`<${Sentence} detail=${html`Job ${job.job}${job.name !== String(job.job) ? html` (<b class="whole">${job.name}</b>)` : ""} of <a href=${href({ screen: "team", rest: job.team })}>${job.team}</a>, by ${job.user}: ${amount(job.gang)} of ${job.pool}.`}>${summary(job)}<//>
      <${Strip} spans=${job.spans} to_ms=${run.to_ms} at_ms=${asked_ms} choose=${(/** @type {number} */ moment) => go({ at: Math.round(moment) })} />
      <div class="cards">
        <${Card} title="Waited" figure=${duration(job.wait_ms)} note=${`in ${amount(waits(job).length, "wait")}`} />
        <${Card} title="Stopped" figure=${count(job.stops)} note=${job.preemptible ? "it may be stopped" : "it may not be stopped"} />
        <${Card} title="Lost" figure=${gpuHours(job.lost_gpu_ms / 3_600_000)} note=${job.savepoint_ms ? `a savepoint every ${duration(job.savepoint_ms)}` : "it writes no savepoints"} />
        <${Card} title="Declared" figure=${job.walltime_ms ? duration(job.walltime_ms) : "nothing"} note="how long it may take" />
      </div>
      ${asked_ms === null ? html`<p>It never waited, so there is nothing to explain.</p>` : html`<${Why} path=${path} run=${run} job=${job} asked_ms=${asked_ms} />`}
      <h2>Its life</h2>
      <${Table} name="life" label="Its life" isPlain=${false} keyed="from_ms" data=${{ columns: ["from_ms", "to_ms", "what", "ended_by", "for"], rows: job.spans.map((/** @type {Span} */ one) => [one.from_ms, one.to_ms, one.what, one.ended_by ?? null, one.for ?? null]) }} columns=${LIFE(run)} />
      <p><a href=${href({ screen: "timeline", box: `${job.submit_ms}-${(job.end_ms ?? run.to_ms) + 1}:${job.team}`, pool: job.pool })}>Its team over that time</a></p>`;
  }}<//>`;
}

/** @param {any} run @returns {import("../parts/columns.js").Column[]} */
const LIFE = (run) => [
  { name: "from_ms", title: "From", show: instant, csv: iso },
  { name: "to_ms", title: "To", show: instant, csv: (to) => to && iso(to) },
  { name: "what", title: "What", show: (what) => (what === "runs" ? "ran" : what === "waits" ? "waited" : "depended on another job") },
  { name: "long", title: "How long", show: (_, row) => duration((row("to_ms") ?? run.to_ms) - row("from_ms")), isFixed: true },
  { name: "ended_by", title: "How it ended", show: (by, row) => html`${by ? ENDS[by] : ""}${row("for") ? html` for ${row("for").job === null ? "a service" : html`<a href=${href({ screen: "job", rest: String(row("for").job) })}>job ${row("for").job}</a>`} of ${row("for").team} (${amount(row("for").gang)}).` : by === "reclaimed" || by === "preempted" ? "." : ""}` },
];

/** @param {Life} job */
function waits(job) {
  return job.spans.filter((/** @type {Span} */ one) => one.what === "waits");
}

/** The instant that is explained: the one asked for where it waited then, else the middle of its longest wait. @param {Life} job @param {number} end_ms @param {boolean} isAsked */
function instantOf(job, end_ms, isAsked) {
  const of = waits(job);
  if (isAsked && of.some((/** @type {Span} */ one) => one.from_ms <= end_ms && (one.to_ms ?? Infinity) > end_ms)) return end_ms;
  const past = of.filter((/** @type {Span} */ one) => one.from_ms < end_ms);
  if (!past.length) return null;
  const length = (/** @type {Span} */ one) => (one.to_ms ?? end_ms) - one.from_ms;
  const longest = past.reduce((/** @type {Span} */ a, /** @type {Span} */ b) => (length(b) > length(a) ? b : a));
  return Math.round((longest.from_ms + Math.min(longest.to_ms ?? end_ms, end_ms)) / 2);
}

/** @param {Life} job */
function summary(job) {
  if (job.state === "future") return "It was not submitted yet.";
  if (job.state === "refused") return html`It was <b class="bad">refused</b>: ${job.reason}.`;
  if (job.state === "cancelled") return html`It was withdrawn at ${instant(job.end_ms)}.`;
  const first = job.first_ms === null ? null : job.first_ms - (job.eligible_ms ?? job.submit_ms);
  if (job.state === "done") return html`It is done: it waited <b>${duration(job.wait_ms)}</b>${job.stops ? html` and was stopped <b class="bad">${amount(job.stops, "time")}</b>` : ""}.`;
  if (job.state === "running") return html`It runs; it waited <b>${duration(job.wait_ms)}</b>${job.stops ? html` and was stopped <b class="bad">${amount(job.stops, "time")}</b>` : ""}.`;
  if (job.state === "dependent") return "It waits for another job to end.";
  return html`It <b class="bad">waits</b>${first === null ? "" : ", after it ran"}; in all it waited ${duration(job.wait_ms)}.`;
}

/** @param {{path: string, run: any, job: Life, asked_ms: number}} props */
function Why({ path, run, job, asked_ms }) {
  const query = { at_ms: asked_ms, again: run.live ? run.number : null };
  const answer = useServer(`${path}/why`, { query: { ...query, changes: "false" } });
  const full = useServer(`${path}/why`, { query: { ...query, predict: run.live ? "false" : "true" } });
  return html`<div class="halves"><section><h2>Why it waited at ${instant(asked_ms)}</h2>
    <${Answered} of=${answer} what="why" isPart>${(/** @type {any} */ why) => html`
      ${sentences(why.sentences).map((text, n) => html`<p key=${n} class=${n === 1 ? "binding" : ""}>${text}</p>`)}`}<//>
  </section><section>
    <${Answered} of=${full} what="what would have started it, and when it was to start" isPart>${(/** @type {any} */ why) => html`
      ${why.predicted && html`<h2>When it was to start</h2><p>${why.predicted}${actual(job, asked_ms)}</p>`}
      <h2>What would have started it at once</h2>
      ${changes(why.sentences).map((text, n) => html`<p key=${n}>${text}</p>`)}`}<//>
  </section></div>`;
}

/** What came of a prediction. @param {Life} job @param {number} asked_ms */
function actual(job, asked_ms) {
  const next = job.spans.find((/** @type {Span} */ one) => one.what === "runs" && one.from_ms > asked_ms);
  return next ? html` It did start after <b>${duration(next.from_ms - asked_ms)}</b>.` : " It has not started by the end of what is shown.";
}

const TRIED = /^(It would start now|Nothing that was tried)/;
const MOMENT = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/g;

/** What keeps it waiting, with times in the reader's zone. @param {string[]} all */
function sentences(all) {
  const end = all.findIndex((text) => TRIED.test(text));
  return (end < 0 ? all : all.slice(0, end)).map((text) => text.replace(MOMENT, (_, day, time) => instant(Date.parse(`${day}T${time}Z`))));
}

/** @param {string[]} all */
function changes(all) {
  const begin = all.findIndex((text) => TRIED.test(text));
  return begin < 0 ? ["Nothing was tried."] : all.slice(begin);
}
