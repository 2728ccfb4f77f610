/** Charters that could be traded for one another: what a search measured of each, as points with their names, and as a table. */
import { html } from "htm/preact";
import { useServer } from "../server.js";
import { Answered, Empty } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { ofRun } from "../runs.js";
import { go, param } from "../state.js";

/** @typedef {{name: string, better: string, title: string}} Objective */
/** @typedef {{name: string, is_present: boolean, changed: Record<string, string>, differences: string[], searched: Record<string, number | null>, held_out: Record<string, number | null> | null, holds: boolean | null}} Point */
/** @typedef {{state: "ready", objectives: Objective[], points: Point[], on_frontier: boolean, dominated_by: number, measured: number, frontier_size: number, searched_days: number, held_out_days: number | null, left_out: string[]}} Found */
/** @typedef {{state: "missing", command: string, file: string | null}} Missing */
const ROOM = 0.08;

/** @param {{chosen: import("../runs.js").Chosen}} props */
export function Frontier({ chosen }) {
  const answer = /** @type {import("../server.js").Shown<Found | Missing>} */ (useServer(ofRun(chosen, "/frontier") || null));
  return html`<section aria-label="Frontier"><h2>What could be traded for what</h2>
    <${Answered} of=${answer} what="the frontier" isPart>${(/** @type {Found | Missing} */ data) => (data.state === "missing" ? html`<${NoFrontier} of=${data} />` : html`<${Scatters} of=${data} />`)}<//>
  </section>`;
}

/** @param {{of: Missing}} props */
function NoFrontier({ of }) {
  const where = of.file === null ? html`then <code>equipoise demo --serve --frontier frontier.json</code> shows it here.` : html`put <code>${of.file}</code> into the lab's folder, and it is shown here.`;
  return html`<${Empty} isPart title="No charters were searched for yet." hint=${html`<code>${of.command}</code> searches a log for charters of which none is better in one respect without being worse in another; ${where}`} />`;
}

/** @param {{of: Found}} props */
function Scatters({ of }) {
  const by = Object.fromEntries(of.objectives.map((one) => [one.name, one]));
  const up = by.served ?? by.kept ?? of.objectives[0];
  const across = of.objectives.filter((one) => one.name !== up.name && (one.name === "denied" || one.name === "leaving"));
  const chosen = param("point").value;
  const point = of.points.find((one) => one.name === chosen);
  const rows = of.points.map((one) => [one.name, ...of.objectives.flatMap((each) => [one.searched[each.name], one.held_out?.[each.name] ?? null]), Object.entries(one.changed).map(([name, value]) => `${name} ${value}`).join(", ") || "nothing"]);
  return html`<p>${of.on_frontier ? "The present charter is on the frontier: nothing that was found is better in one respect and worse in none." : html`The present charter is <b class="bad">dominated by ${of.dominated_by} of the charters found</b>.`}${" "}
      ${of.measured} charters measured on ${of.searched_days.toPrecision(3)} days; ${of.points.length - 1} of ${of.frontier_size} points of the frontier are shown. Nothing is in force by being shown here.</p>
    <div class="cards wide">${(across.length ? across : of.objectives.filter((one) => one !== up).slice(0, 1)).map((one) => html`<${Scatter} key=${one.name} of=${of} across=${one} up=${up} />`)}</div>
    ${point && html`<div class="card"><header><h3>${point.name}</h3><button type="button" class="quiet" onClick=${() => go({ point: null })}>Close</button></header>
      ${point.differences.length ? html`<pre>${point.differences.join("\n")}</pre>` : html`<p>Nothing differs from the present charter.</p>`}</div>`}
    <${Table} name="frontier" label="Charters of the frontier" keyed="name" data=${{ columns: ["name", ...of.objectives.flatMap((one) => [one.name, `held ${one.name}`]), "changed"], rows }}
      onOpen=${(/** @type {import("../parts/columns.js").Row} */ row) => go({ point: row("name") })} isChosen=${(/** @type {string} */ key) => key === chosen} columns=${[
        { name: "name", title: "Charter" },
        ...of.objectives.flatMap((one) => [
          { name: one.name, title: one.title, isNumber: true, show: (/** @type {number | null} */ value) => told(one, value) },
          ...(of.held_out_days === null ? [] : [{ name: `held ${one.name}`, title: "on days held out", isNumber: true, show: (/** @type {number | null} */ value) => told(one, value) }]),
        ]),
        { name: "changed", title: "What differs" },
      ]} />
    ${of.left_out.map((line) => html`<p class="soft" key=${line}>${line}.</p>`)}`;
}

/** @param {Objective} of @param {number | null} value */
function told(of, value) {
  if (value === null) return "–";
  return of.name === "leaving" ? value.toPrecision(3) : `${(100 * value).toFixed(1)} %`;
}

/** @param {{of: Found, across: Objective, up: Objective}} props */
function Scatter({ of, across, up }) {
  const shown = of.points.filter((one) => one.searched[across.name] !== null && one.searched[up.name] !== null);
  const xs = axis(shown.flatMap((one) => [one.searched[across.name], one.held_out?.[across.name] ?? null]), across);
  const ys = axis(shown.flatMap((one) => [one.searched[up.name], one.held_out?.[up.name] ?? null]), up);
  return html`<section class="card"><header><h3>${up.title} (up) against ${across.title} (across)</h3></header>
    <div class="scatter" role="img" aria-label=${`${up.title} against ${across.title}: the table below has the same figures, and opens each charter`}>
      <div class="ys" aria-hidden="true"><span>${told(up, ys.most)}</span><span>${told(up, ys.least)}</span></div>
      <div class="canvas">
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">${shown.map((one) => {
          const held = one.held_out;
          const [x, y] = [held?.[across.name] ?? null, held?.[up.name] ?? null];
          return x === null || y === null ? null : html`<path key=${one.name} class="tie" d=${`M${100 * xs.at(one.searched[across.name] ?? 0)} ${100 - 100 * ys.at(one.searched[up.name] ?? 0)}L${100 * xs.at(x)} ${100 - 100 * ys.at(y)}`} />`;
        })}</svg>
        ${shown.map((one) => html`<span key=${one.name} class=${`spot ${one.is_present ? "now" : ""} ${param("point").value === one.name ? "chosen" : ""}`} data-name=${one.name}
          style=${{ left: `${100 * xs.at(one.searched[across.name] ?? 0)}%`, bottom: `${100 * ys.at(one.searched[up.name] ?? 0)}%` }}
          title=${`${one.name}: ${across.title} ${told(across, one.searched[across.name])}, ${up.title} ${told(up, one.searched[up.name])}`}
          onClick=${() => go({ point: one.name })}>${one.is_present ? "now" : one.name.replace("point ", "").replace(/^0/, "")}</span>`)}
      </div>
      <div class="xs" aria-hidden="true"><span>${told(across, xs.least)}</span><span>${told(across, xs.most)}</span></div>
    </div>
    ${of.held_out_days !== null && html`<p class="soft">The line leads to what the same charter does on the days held out: the longer, the less to rely on.</p>`}
  </section>`;
}

/** @param {(number | null)[]} values @param {Objective} of */
function axis(values, of) {
  const known = /** @type {number[]} */ (values.filter((one) => one !== null));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = ROOM * (high - low || high || 1);
  const isPart = of.name !== "leaving"; // which is a number of people
  const [least, most] = [Math.max(0, low - room), isPart ? Math.min(Math.max(1, high), high + room) : high + room];
  return { least, most, at: (/** @type {number} */ value) => (value - least) / (most - least || 1) };
}
