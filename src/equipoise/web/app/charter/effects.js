/** What a changed charter would have done in the last days: for each team a small multiple of the same figures, before and after. */
import { html } from "htm/preact";
import { csvOf, download, reader } from "../parts/columns.js";
import { Table } from "../parts/table.js";
import { go, param } from "../state.js";
import { count, day, duration, gpuHours } from "../units.js";

/** @typedef {import("./shapes.js").EffectRow} EffectRow */
/** @type {{name: string, title: string, show: (value: any) => string, scale: number, lessIsBetter: boolean}[]} */
const FIGURES = [
  { name: "denied_gpu_h", title: "denied", show: gpuHours, scale: 1, lessIsBetter: true },
  { name: "wait_mean_s", title: "mean wait", show: duration, scale: 1000, lessIsBetter: true },
  { name: "wait_p95_s", title: "95 % wait", show: duration, scale: 1000, lessIsBetter: true },
  { name: "lost_gpu_h", title: "lost", show: gpuHours, scale: 1, lessIsBetter: true },
  { name: "reclaims", title: "reclaims", show: count, scale: 1, lessIsBetter: true },
  { name: "entitled_gpu_h", title: "entitled", show: gpuHours, scale: 1, lessIsBetter: false },
];

/** @param {{result: NonNullable<import("./shapes.js").Replayed["result"]>}} props */
export function Effects({ result }) {
  const isTable = param("effect.table").value === "1";
  const most = Object.fromEntries(FIGURES.map(({ name }) => [name, Math.max(1e-9, ...result.teams.flatMap((row) => (row[name] ?? []).map((value) => value ?? 0)))]));
  const columns = [{ name: "team", title: "Team" }, ...FIGURES.flatMap((one) => ["before", "after"].map((when) => ({ name: `${one.name} ${when}`, title: `${one.title}, ${when}`, isNumber: true, show: (/** @type {any} */ value) => (value === null ? "–" : one.show(value * one.scale)) })))];
  const rows = result.teams.map((row) => [row.team, ...FIGURES.flatMap(({ name }) => row[name] ?? [null, null])]);
  const names = columns.map((one) => one.name);
  const [tops, below] = [result.teams.filter(({ team }) => !team.includes(".")), result.teams.filter(({ team }) => team.includes("."))];
  const moved = result.teams.filter((row) => FIGURES.some(({ name }) => row[name] && row[name][0] !== row[name][1]));
  return html`<p>${count(result.jobs)} jobs from ${day(result.from_ms)} to ${day(result.to_ms)}, replayed from an empty machine under the charter in force and under this one. ${moved.length ? `${count(moved.length)} of ${count(result.teams.length)} teams would have fared otherwise.` : "Nobody would have fared otherwise."}</p>
    ${!result.one_measure && html`<p class="warned">The two charters are of other machines or teams, so each is measured against itself.</p>`}
    <div class="tools"><p class="legend keys"><span><i class="swatch" style=${{ background: "var(--held)", height: "6px" }}></i>in force</span><span><i class="swatch" style=${{ background: "var(--accent)", height: "6px" }}></i>changed</span><span><i class="swatch" style=${{ background: "var(--denied)", height: "6px" }}></i>changed, and worse</span></p>
      <button type="button" class="push" aria-pressed=${String(isTable)} onClick=${() => go({ "effect.table": isTable ? null : 1 })}>Table</button>
      <button type="button" onClick=${() => download("effect.csv", csvOf(columns, rows.map(reader(names))))}>CSV</button></div>
    ${isTable ? html`<${Table} name="effect-rows" label="Effect by team" columns=${columns} data=${{ columns: names, rows }} />` : html`<div class="effects">${tops.map((row) => html`<${Small} key=${row.team} row=${row} most=${most} />`)}</div>
      ${below.length > 0 && html`<details><summary>The ${count(below.length)} teams within them</summary><div class="effects">${below.map((row) => html`<${Small} key=${row.team} row=${row} most=${most} />`)}</div></details>`}`}
    ${result.more_teams > 0 && html`<p class="soft">${count(result.more_teams)} more teams are not shown.</p>`}`;
}

/** @param {{row: EffectRow, most: Record<string, number>}} props */
function Small({ row, most }) {
  return html`<figure><figcaption>${row.team}</figcaption>${FIGURES.map(({ name, title, show, scale, lessIsBetter }) => {
    const [before, after] = row[name] ?? [null, null];
    if (before === null && after === null) return null;
    const isWorse = lessIsBetter && (after ?? 0) > (before ?? 0) * 1.005 + 1e-9;
    const wide = (/** @type {number | null} */ value) => `${(100 * (value ?? 0)) / most[name]}%`;
    return html`<div class="pair" key=${name}><span>${title}</span><span>${before === null ? "–" : show(before * scale)}${before === after ? "" : html` → <b class=${isWorse ? "bad" : ""}>${after === null ? "–" : show(after * scale)}</b>`}
      <svg class="pair-bars" aria-hidden="true"><rect class="before" width=${wide(before)} height="5" y="1" /><rect class=${isWorse ? "after worse" : "after"} width=${wide(after)} height="5" y="8" /></svg></span></div>`;
  })}</figure>`;
}
