/** Who held the machine, when, and what happened: a run as a picture, or two of them side by side; a box leads to its jobs. */
import { useState } from "preact/hooks";
import { html } from "htm/preact";
import { Choice } from "../parts/choice.js";
import { Answered, Empty } from "../parts/states.js";
import { Sentence } from "../parts/sentence.js";
import { Timebar } from "../parts/timebar.js";
import { useServer } from "../server.js";
import { go, param, pool as poolParam, run as runParam } from "../state.js";
import { amount, count, instant } from "../units.js";
import { JobList } from "../timeline/joblist.js";
import { Key } from "../timeline/key.js";
import { Overview } from "../timeline/overview.js";
import { Raster } from "../timeline/raster.js";
import { Series } from "../timeline/series.js";
import { boxOf, look, spanOf } from "../timeline/span.js";
import { save, Twin } from "../timeline/twin.js";

/** @typedef {{run: string, title: string, live: boolean, number: number, findings: string[], from_ms: number, to_ms: number, pools: {pool: string, gpus: number}[], jobs: number}} Run */

export default function Timeline() {
  const answer = useServer("/runs", { isLive: true });
  return html`<${Answered} of=${answer} what="the runs">${(/** @type {{items: Run[]}} */ data) => {
    const run = data.items.find((one) => one.run === runParam.value) ?? data.items[0];
    if (!run) return html`<${Empty} title="There is no history yet." hint="It begins with the first thing that happens in the lab; this page follows by itself." />`;
    return html`<${History} run=${run} runs=${data.items} />`;
  }}<//>`;
}

/** @param {{run: Run, runs: Run[]}} props */
function History({ run, runs }) {
  const other = runs.find((one) => one.run === param("vs").value && one.run !== run.run) ?? null;
  const pool = run.pools.find((one) => one.pool === poolParam.value) ?? run.pools[0];
  /** @type {[number, number]} */
  const whole = [Math.min(run.from_ms, other?.from_ms ?? run.from_ms), Math.max(run.to_ms, other?.to_ms ?? run.to_ms)];
  const span = spanOf(whole);
  const box = boxOf();
  const [pictures, setPictures] = useState(/** @type {Record<string, import("../timeline/planes.js").Picture>} */ ({}));
  const shown = other ? [run, other] : [run];
  const isTable = param("raster.table").value === "1";
  const own = pictures[run.run];
  const room = Math.max(220, Math.min(520, innerHeight - 590));
  const size = other ? { height: Math.round(room * 0.75), waiting: 50 } : { height: room, waiting: 70 };
  return html`
    <${Answer} run=${run} other=${other} pictures=${pictures} span=${span} pool=${pool} />
    ${run.findings.length > 0 && html`<p class="stale" role="alert">The ledger does not follow from itself since then, so this is the last state that did: ${run.findings[0]}</p>`}
    <div class="tools">
      <${Choice} label="Pool" options=${run.pools.map((one) => ({ value: one.pool, name: `${one.pool} (${count(one.gpus)})` }))} value=${pool.pool} onChoose=${(/** @type {string} */ value) => go({ pool: value })} />
      ${runs.length > 1 && html`<${Choice} label="Run" options=${runs.map((one) => ({ value: one.run, name: one.title }))} value=${run.run} onChoose=${(/** @type {string} */ value) => go({ run: value, vs: value === other?.run ? run.run : (other?.run ?? null) })} />
        <${Choice} label="beside" options=${[{ value: "", name: "nothing" }, ...runs.filter((one) => one !== run).map((one) => ({ value: one.run, name: one.title }))]} value=${other?.run ?? ""} onChoose=${(/** @type {string} */ value) => go({ vs: value || null })} />`}
      ${(span[0] > whole[0] || span[1] < whole[1]) && html`<button type="button" onClick=${() => look(whole, whole)}>Show all</button>`}
      ${box && html`<button type="button" onClick=${() => look([box.from_ms, box.to_ms], whole)}>Zoom to the box</button><button type="button" class="quiet" onClick=${() => go({ box: null })}>No box</button>`}
      <button type="button" class="push" aria-pressed=${String(isTable)} onClick=${() => go({ "raster.table": isTable ? null : 1 })}>Table</button>
      <button type="button" disabled=${!own} onClick=${() => own && save(own)}>CSV</button>
    </div>
    ${own && html`<${Key} teams=${own.of.teams} />`}
    <${Overview} run=${run.run} pool=${pool.pool} span=${span} whole=${whole} />
    ${shown.map((one) => html`<div key=${one.run}>
      ${other && html`<h2 class="of-run">${one.title}</h2>`}
      <${Raster} run=${one.run} title=${one.title} pool=${pool.pool} span=${span} whole=${whole} ...${size} number=${one.number} isLive=${one.live}
        onPicture=${(/** @type {import("../timeline/planes.js").Picture} */ picture) => setPictures((before) => ({ ...before, [one.run]: picture }))} />
      ${isTable && pictures[one.run] && html`<${Twin} picture=${pictures[one.run]} title=${one.title} />`}
    </div>`)}
    <${Series} runs=${shown} pool=${pool.pool} span=${span} team=${box?.team ?? ""} />
    ${shown.map((one) => html`<${JobList} key=${one.run} run=${one.run} title=${other ? one.title : ""} pool=${pool.pool} team=${box?.team ?? ""} from_ms=${box?.from_ms ?? span[0]} to_ms=${box?.to_ms ?? span[1]} isBox=${box !== null} number=${one.number} isLive=${one.live} />`)}
    ${!run.live && html`<${Timebar} from_ms=${whole[0]} to_ms=${whole[1]} />`}
  `;
}

/** The answer first: how full the machine was, and who waited. @param {{run: Run, other: Run | null, pictures: Record<string, import("../timeline/planes.js").Picture>, span: [number, number], pool: {pool: string, gpus: number}}} props */
function Answer({ run, other, pictures, span, pool }) {
  const detail = `${instant(span[0])} to ${instant(span[1])}; ${count(run.jobs)} jobs in all. Each column shows the instant in its middle.`;
  const one = pictures[run.run];
  if (!one) return html`<${Sentence} detail=${detail}>Who held the machine, and when.<//>`;
  const two = other && pictures[other.run];
  const [held, waiting, stops] = figures(one);
  if (two) {
    const theirs = figures(two);
    return html`<${Sentence} detail=${detail}>In ${pool.pool}, jobs waited for <b>${count(waiting)}</b> devices on average under “${run.title}” and for <b class=${theirs[1] > waiting ? "bad" : ""}>${count(theirs[1])}</b> under “${other?.title}”; work was taken back ${amount(stops, "time")} and ${amount(theirs[2], "time")}.<//>`;
  }
  return html`<${Sentence} detail=${detail}>Of ${count(pool.gpus)} devices in ${pool.pool}, <b>${count(held)}</b> were held on average and <b class=${waiting > held ? "bad" : ""}>${count(waiting)}</b> waited for; work was taken back ${amount(stops, "time")}.<//>`;
}

/** @param {import("../timeline/planes.js").Picture} picture */
function figures({ of, planes }) {
  const mean = (/** @type {ArrayLike<number>} */ values) => Array.from(values).reduce((a, b) => a + b, 0) / of.width;
  return [mean(planes.held), mean(planes.waiting_gpus), mean(planes.reclaims) * of.width];
}
