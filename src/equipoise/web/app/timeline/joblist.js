/** Jobs of a run in a span, as pages: those in the box, or in all that is looked at. */
import { useEffect, useState } from "preact/hooks";
import { html } from "htm/preact";
import { Choice } from "../parts/choice.js";
import { Answered } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { ask, useServer } from "../server.js";
import { go, href, param } from "../state.js";
import { amount, count, duration, gpuHours, instant, iso } from "../units.js";

const LIMIT = 100;
const DOING = [
  ["running", "ran"], ["waiting", "waited"], ["started", "started"], ["reclaimed", "were reclaimed"], ["ended", "ended"], ["any", "were there"],
].map(([value, name]) => ({ value, name }));
const ORDERS = [
  ["job", "by number"], ["-wait", "longest wait first"], ["-gang", "largest first"], ["-lost", "most lost first"],
].map(([value, name]) => ({ value, name }));

/** @param {string} run @returns {import("../parts/columns.js").Column[]} */
function columns(run) {
  return [
    { name: "job", title: "Job", isNumber: true, show: (job) => html`<a href=${href({ screen: "job", rest: String(job), run })}>${job}</a>` },
    { name: "name", title: "Name" },
    { name: "team", title: "Team" },
    { name: "user", title: "User" },
    { name: "gang", title: "Devices", isNumber: true, show: count },
    { name: "state", title: "State" },
    { name: "wait_ms", title: "Waited", isNumber: true, show: duration },
    { name: "stops", title: "Stops", isNumber: true, show: count },
    { name: "lost_gpu_ms", title: "Lost", isNumber: true, show: (ms) => gpuHours(ms / 3_600_000) },
    { name: "submit_ms", title: "Submitted", show: instant, csv: iso },
    { name: "first_ms", title: "Started", show: instant, csv: (at) => at && iso(at) },
    { name: "end_ms", title: "Over", show: instant, csv: (at) => at && iso(at) },
  ];
}

/** @param {{run: string, title: string, pool: string, team: string, from_ms: number, to_ms: number, isBox: boolean, number: number, isLive: boolean}} props */
export function JobList({ run, title, pool, team, from_ms, to_ms, isBox, number, isLive }) {
  const doing = param("doing").value ?? "running";
  const order = param("order").value ?? "job";
  const query = { pool, team, doing, order, from_ms: Math.round(from_ms), to_ms: Math.round(to_ms), limit: LIMIT, again: isLive ? number : null };
  const path = `/runs/${encodeURIComponent(run)}/jobs`;
  const answer = useServer(path, { query });
  const [more, setMore] = useState(/** @type {{of: any, rows: any[][], next: string | null} | null} */ (null));
  useEffect(() => setMore(null), [answer.data]);
  /** @param {any} data */
  async function further(data) {
    const next = more?.of === data ? more?.next : data.next;
    const found = await ask(path, { query: { ...query, after: next } });
    if (found.kind === "ok") setMore({ of: data, rows: [...(more?.of === data ? more?.rows ?? [] : []), .../** @type {any} */ (found.data).rows], next: /** @type {any} */ (found.data).next });
  }
  return html`<section class="joblist">
    <${Answered} of=${answer} what="the jobs" isPart>${(/** @type {any} */ data) => {
      const own = more?.of === data ? more : null;
      const rows = own ? [...data.rows, ...own.rows] : data.rows;
      const next = own ? own.next : data.next;
      return html`<h2>${amount(data.total, "job")} ${team ? `of ${team} ` : ""}${DOING.find((one) => one.value === doing)?.name ?? ""} ${isBox ? "in the box" : "in this span"}${title ? ` (${title})` : ""}</h2>
        <${Table} name="jobs" label="Jobs" data=${{ columns: data.columns, rows }} columns=${columns(run)} none="No job was. Draw another box, or choose another state."
          tools=${html`<${Choice} label="Which" options=${DOING} value=${doing} onChoose=${(/** @type {string} */ value) => go({ doing: value })} />
            <${Choice} label="Order" options=${ORDERS} value=${order} onChoose=${(/** @type {string} */ value) => go({ order: value })} />`} />
        ${next && html`<p><button type="button" onClick=${() => further(data)}>${Math.min(LIMIT, data.total - rows.length)} more of ${count(data.total - rows.length)}</button></p>`}`;
    }}<//>
  </section>`;
}
