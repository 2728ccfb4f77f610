/** What the outlook rests on: where it begins, what it hangs on, the checks with those that fail first, assumptions, and every parameter. */
import { html } from "htm/preact";
import { Table } from "../parts/table.js";
import { gpuHours } from "../units.js";
import { figure, signed } from "./figures.js";

/** @typedef {import("./years.js").Ready} Ready */

/** Checks against public facts: what fails stands first, and as large as what passes. @param {{of: Ready, isMoved: boolean}} props */
export function Checks({ of, isMoved }) {
  const failed = of.checks.filter((one) => one.verdict !== "passed");
  return html`<section aria-label="Checks">
    <h2>What the model gets wrong, and right</h2>
    <p>${failed.length
      ? html`Against public facts it <b class="bad">fails ${failed.length} of ${of.checks.length} checks</b>. Held out is what no belief was moved for.`
      : `It passes its ${of.checks.length} checks against public facts. Held out is what no belief was moved for.`}
      ${isMoved && " These are the checks of the beliefs as they are; what you moved is not checked."}</p>
    <ul class="checks">${of.checks.map((one) => html`<li key=${one.name} class=${`card ${one.verdict === "passed" ? "passed" : "failed"}`}>
      <p class="verdict">${one.verdict === "passed" ? "Passed" : "Failed"} <span class="soft">${one.kind}</span></p>
      <h3>${one.name}</h3>
      <dl><dt>Fact</dt><dd>${one.fact}</dd><dt>Model</dt><dd>${one.said}</dd><dt>Passes if</dt><dd>${one.rule}</dd></dl>
    </li>`)}</ul>
  </section>`;
}

/** On which beliefs the results hang, as tornados: rank correlation of each with the result, run by run. @param {{of: Ready}} props */
export function Drivers({ of }) {
  if (!of.drivers.length) return null;
  const what = of.drivers[0].of_difference ? "the difference between the courses hangs" : "this hangs";
  return html`<section aria-label="Drivers">
    <h2>On which beliefs ${what}</h2>
    <p>Rank correlation with each belief over the runs, from −1 to +1: to the right, more of it gives more. What luck does is not in it.</p>
    <div class="cards">${of.drivers.map((one) => html`<section key=${one.measure} class="card"><header><h3>${one.measure}</h3></header>
      <table class="tornado" aria-label=${`What ${one.measure} hangs on`}>
        <thead class="hidden"><tr><th scope="col">Belief</th><th scope="col">As a bar</th><th scope="col">Rank correlation</th></tr></thead>
        <tbody>${one.rank.map((each) => html`<tr key=${each.name}>
          <th scope="row"><code>${each.name}</code> <span class="soft">${each.meaning}${each.solidity === "assumption" ? html` <span class="badge assumed">assumption</span>` : ""}</span></th>
          <td class="bars"><${Swing} rank=${each.rank ?? 0} /></td><td class="number">${signed(each.rank ?? 0, "1")}</td></tr>`)}</tbody>
      </table></section>`)}</div>
  </section>`;
}

/** @param {{rank: number}} props */
function Swing({ rank }) {
  const from = 50 + Math.min(0, rank) * 50;
  return html`<svg class="swing" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
    <rect class=${rank < 0 ? "minus" : "plus"} x=${from} y="1" width=${Math.abs(rank) * 50} height="8" /><line x1="50" x2="50" y1="0" y2="10" vector-effect="non-scaling-stroke" /></svg>`;
}

/** Where the years begin: what each run measured of each team. @param {{of: Ready, titles: string[]}} props */
export function Starts({ of, titles }) {
  const rows = of.courses.flatMap((course, n) => Object.entries(course.measured).map(([team, one]) => [`${team} ${n}`, team, titles[n], one.asks, one.entitled_gpu_h, one.denied_gpu_h, one.refused_gpu_h, one.starved, one.broken, one.judged]));
  if (!rows.length) return null;
  rows.sort((a, b) => (String(a[1]) < String(b[1]) ? -1 : String(a[1]) > String(b[1]) ? 1 : 0));
  const part = (/** @type {number} */ value) => `${(100 * value).toFixed(1)} %`;
  return html`<section aria-label="Start">
    <h2>Where it begins</h2>
    <p>Measured, not assumed: of each team at the top, what it was denied of what it was entitled to, and which of its promises were broken last.</p>
    <${Table} name="starts" label="What was measured of each team" keyed="row" isPlain data=${{ columns: ["row", "team", "course", "asks", "entitled", "denied", "refused", "starved", "broken", "judged"], rows }} columns=${[
      { name: "team", title: "Team" },
      { name: "course", title: "Course" },
      { name: "asks", title: "Asks for, of the lab", isNumber: true, show: part },
      { name: "entitled", title: "Entitled", isNumber: true, show: gpuHours },
      { name: "denied", title: "Denied", isNumber: true, show: gpuHours },
      { name: "refused", title: "Refused", isNumber: true, show: gpuHours },
      { name: "starved", title: "Starved", isNumber: true, show: part },
      { name: "broken", title: "Promises broken", isNumber: true, show: (/** @type {number} */ value, /** @type {import("../parts/columns.js").Row} */ row) => (row("judged") ? html`<span class=${value ? "bad" : ""}>${value} of ${row("judged")}</span>` : "none judged") },
    ]} />
    <p class="soft">Starved is denied ÷ entitled, with requests that were refused in both.</p>
  </section>`;
}

/** How the courses differ run by run. @param {{of: Ready, titles: string[]}} props */
export function Differences({ of }) {
  return html`${of.differences.map((one, n) => {
    const rows = one.rows.map((each) => [each.name, each.kind, each.unit, each.first.mean, each.second.mean, each.paired.mean, each.paired.low, each.paired.high, each.flips, ...PARTS.map((part) => each.parts[part] ?? null)]);
    const hasParts = one.rows.some((each) => Object.keys(each.parts).length > 0);
    const unit = (/** @type {import("../parts/columns.js").Row} */ row) => row("unit");
    const less = (/** @type {number} */ value, /** @type {import("../parts/columns.js").Row} */ row) => signed(value, unit(row));
    const plain = (/** @type {number} */ value, /** @type {import("../parts/columns.js").Row} */ row) => figure(value, unit(row));
    return html`<section key=${n} aria-label="Differences">
      <h2>${capital(one.course)} less ${one.against}, run by run</h2>
      <p>Both courses share their luck. <b>Other sign</b> is the part of the runs in which the difference is the other way round: where it is large, the model does not know which course is better.</p>
      <${Table} name=${n ? `differences-${n}` : "differences"} label="Differences" keyed="name" data=${{ columns: ["name", "kind", "unit", "first", "second", "mean", "low", "high", "flips", ...PARTS], rows }} columns=${[
        { name: "name", title: "After these months" },
        { name: "first", title: capital(one.course), isNumber: true, show: plain },
        { name: "second", title: capital(one.against), isNumber: true, show: plain },
        { name: "mean", title: "Difference", isNumber: true, show: less },
        { name: "low", title: "5 %", isNumber: true, show: less },
        { name: "high", title: "95 %", isNumber: true, show: less },
        { name: "flips", title: "Other sign", isNumber: true, show: (/** @type {number} */ value) => `${Math.round(100 * value)} %` },
        ...(hasParts ? PARTS.map((part) => ({ name: part, title: `by ${part}`, isNumber: true, show: less })) : []),
        { name: "unit", title: "Unit" },
        { name: "kind", title: "Kind" },
      ]} />
      ${hasParts && html`<p class="soft">By direct: what compute does without anybody leaving for it; then compute, broken promises, mission and contagion are let reach people one after the other, and add up.</p>`}
    </section>`;
  })}`;
}
const PARTS = ["direct", "compute", "breach", "mission", "contagion"];

/** Of one course alone: what it comes to. @param {{of: Ready}} props */
export function Results({ of }) {
  const rows = of.results.map((one) => [one.name, one.mean, one.low, one.median, one.high, one.unit, one.kind]);
  const show = (/** @type {number} */ value, /** @type {import("../parts/columns.js").Row} */ row) => figure(value, row("unit"));
  return html`<section aria-label="Results"><h2>After ${of.months} months</h2>
    <${Table} name="results" label="Results" keyed="name" data=${{ columns: ["name", "mean", "low", "median", "high", "unit", "kind"], rows }} columns=${[
      { name: "name", title: "What" },
      ...[["mean", "Mean"], ["low", "5 %"], ["median", "Median"], ["high", "95 %"]].map(([name, title]) => ({ name, title, isNumber: true, show })),
      { name: "unit", title: "Unit" },
      { name: "kind", title: "Kind" },
    ]} /></section>`;
}

/** What was decided by hand, and every parameter with its source. @param {{of: Ready}} props */
export function Beliefs({ of }) {
  const assumed = of.parameters.filter((one) => one.solidity === "assumption").length;
  const rows = of.parameters.map((one) => [one.name, one.meaning, one.prior, one.solidity, one.unit, one.source]);
  return html`<section aria-label="Beliefs">
    <h2>Assumptions, and what is believed of each parameter</h2>
    <ul class="assumptions">${of.assumptions.map((line) => html`<li key=${line}><span class="badge assumed">assumption</span> ${line}</li>`)}</ul>
    ${of.learned.length > 0 && html`<p>Brought up to date by ${of.learned_from}.</p>`}
    <p>${assumed} of ${of.parameters.length} parameters are assumptions.</p>
    <div class="wrapped"><${Table} name="parameters" label="Parameters" keyed="name" data=${{ columns: ["name", "meaning", "prior", "solidity", "unit", "source"], rows }} columns=${[
      { name: "name", title: "Parameter", show: (/** @type {string} */ value) => html`<code>${value}</code>` },
      { name: "solidity", title: "How solid", show: (/** @type {string} */ value) => html`<span class=${value === "assumption" ? "badge assumed" : "badge"}>${value}</span>` },
      { name: "meaning", title: "What it is" },
      { name: "prior", title: "Believed" },
      { name: "unit", title: "Unit" },
      { name: "source", title: "From where" },
    ]} /></div>
  </section>`;
}

/** @param {string} text */
function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
