/** All parts on one page, over data made here: to look at them and to test them. Not in the package that is installed. */
import { signal } from "@preact/signals";
import { html, render } from "htm/preact";
import { Bar, BarKey } from "../parts/bar.js";
import { Card } from "../parts/card.js";
import { Chart } from "../parts/chart.js";
import { Choice, Segments } from "../parts/choice.js";
import { Sentence } from "../parts/sentence.js";
import { Empty, Loading, Trouble } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { Timebar } from "../parts/timebar.js";
import { Tip } from "../parts/tip.js";
import { Tree } from "../parts/tree.js";
import { go, param } from "../state.js";
import "../theme.js";
import * as units from "../units.js";

const START_MS = Date.UTC(2026, 0, 5);
const HOUR_MS = 3_600_000;
const TEAMS = ["safety", "safety.alignment", "safety.alignment.oversight", "safety.evals", "pretraining", "pretraining.data", "product", "product.inference", "product.search"];

/** A sequence that looks like chance and is always the same. @param {number} seed */
function* drawn(seed) {
  for (let state = seed; ; ) {
    state = (state * 1103515245 + 12345) % 2147483648;
    yield state / 2147483648;
  }
}

/** @param {number} seed @param {number} level @param {number} length @returns {import("../parts/chart.js").Buckets} */
function buckets(seed, level, length) {
  const next = drawn(seed);
  const mean = Array.from({ length }, (_, n) => Math.round(level * (1 + 0.25 * Math.sin(n / 19 + seed) + 0.15 * (/** @type {number} */ (next.next().value) - 0.5))));
  return { from_ms: START_MS, step_ms: HOUR_MS, mean, min: mean.map((value) => Math.round(value * 0.9)), max: mean.map((value) => Math.round(value * 1.08)) };
}

/** @param {number} length @param {number} seed */
function jobs(length, seed) {
  const next = drawn(seed);
  const one = () => /** @type {number} */ (next.next().value);
  return {
    columns: ["job", "team", "gpus", "wait_ms"],
    rows: Array.from({ length }, (_, n) => [n + 1, TEAMS[Math.floor(one() * TEAMS.length)], 2 ** Math.floor(one() * 8), n % 97 ? Math.round(one() ** 3 * 72 * HOUR_MS) : null]),
  };
}

const length = signal(12_000);
const seed = signal(1);
/** Tests put new data in place by this. */
Object.assign(window, { gallery: { length, seed } });

const JOBS = [
  { name: "job", title: "Job" },
  { name: "team", title: "Team" },
  { name: "gpus", title: "GPUs", isNumber: true, show: units.count },
  { name: "wait_ms", title: "Waits", isNumber: true, show: units.duration },
];
const STANDING = {
  columns: ["path", "held", "floor", "entitled", "borrowed", "lent"],
  rows: TEAMS.map((path, n) => [path, 40 + 60 * ((n * 5) % 7), 96 + 32 * (n % 4), 128 + 32 * (n % 5), n % 3 === 1 ? 40 + 10 * n : 0, n % 4 === 3 ? 48 : 0]),
};
const TREE = [
  { name: "held", title: "Held", isNumber: true, show: units.count },
  { name: "floor", title: "Floor", isNumber: true, show: units.count },
  {
    name: "bar", title: "Standing", isFixed: true,
    /** @param {any} _ @param {import("../parts/columns.js").Row} row */
    show: (_, row) => html`<${Bar} held=${row("held")} floor=${row("floor")} entitled=${row("entitled")} borrowed=${row("borrowed")} lent=${row("lent")} most=${480} />`,
  },
];
const SERIES = [
  { name: "safety", colour: "t0", data: buckets(1, 320, 400) },
  { name: "product", colour: "t1", data: buckets(2, 512, 400) },
  { name: "floor of safety", colour: "ink", isDashed: true, data: { from_ms: START_MS, step_ms: HOUR_MS, mean: Array.from({ length: 400 }, () => 300) } },
];

let data = { key: "", found: jobs(0, 1) };
function currentJobs() {
  const key = `${length.value} ${seed.value}`;
  if (data.key !== key) data = { key, found: jobs(length.value, seed.value) };
  return data.found;
}

function Gallery() {
  const kind = param("kind").value ?? "all";
  return html`<main id="content">
    <${Sentence} detail="Since 10:40; seven jobs of safety wait for 512 devices.">Safety is <b class="bad">below its floor by 64 devices</b>; the product borrows <b>212</b>.<//>
    <div class="tools">
      <${Segments} label="Kind" value=${kind} onChoose=${(/** @type {string} */ value) => go({ kind: value })} options=${[{ value: "all", name: "All" }, { value: "train", name: "Training" }, { value: "serve", name: "Serving" }]} />
      <${Choice} label="Pool" value=${param("pool").value ?? "h100"} onChoose=${(/** @type {string} */ value) => go({ pool: value })} options=${[{ value: "h100", name: "H100" }, { value: "a100", name: "A100" }]} />
      <span>Entitled <${Tip} about="entitlement">What a team is due now: its floor, and its share of what others leave.<//></span>
    </div>
    <div class="cards">
      <${Card} title="Waiting" figure=${units.amount(1, "job")} note=${`longest ${units.duration(97 * HOUR_MS)}`} />
      <${Card} title="Delivered" figure=${units.gpuHours(12_345)} note=${units.percent(734_500)} />
      <${Card} title="Next close" figure=${units.day(START_MS)} note=${units.instant(START_MS)} />
    </div>
    <h2>Teams</h2><${BarKey} />
    <${Tree} name="teams" label="Teams" data=${STANDING} columns=${TREE} link=${(/** @type {string} */ path) => `/gallery?at=1&team=${path}`} />
    <h2>Devices held</h2>
    <${Chart} name="held" label="Devices held by team." series=${SERIES} unit="devices" isStepped />
    <h2>Jobs</h2>
    <${Table} name="jobs" label="Jobs" data=${currentJobs()} columns=${JOBS} sorted="-wait_ms" onOpen=${(/** @type {import("../parts/columns.js").Row} */ row) => go({ opened: row("job") })} />
    <h2>States</h2>
    <${Empty} title="No job waits." hint="That is as it should be." isPart /><${Loading} what="the teams" />
    <${Trouble} sentence="there is no team safety.none in the charter in force" hint="equipoise top lists them" code="C301" isPart />
    <${Timebar} from_ms=${START_MS} to_ms=${START_MS + 90 * 24 * HOUR_MS} />
  </main>`;
}

document.title = "Gallery · Equipoise";
render(html`<${Gallery} />`, /** @type {HTMLElement} */ (document.getElementById("screen")));
