/**
 * The pace of a window: what was delivered against what was owed, how it may go on, and the point of no return. Drawn as SVG; arrow keys
 * walk over it, and the same numbers are a table and CSV.
 */
import { useMemo, useState } from "preact/hooks";
import { html } from "htm/preact";
import { csvOf, download, reader } from "../parts/columns.js";
import { Table } from "../parts/table.js";
import { go, param } from "../state.js";
import { count, day, instant, iso, short } from "../units.js";
import { useWidth } from "./width.js";

/** @typedef {import("./shapes.js").Course} Course */
/** @typedef {import("./shapes.js").Forecast} Forecast */
/** @typedef {{from_ms: number, to_ms: number, lost_ms: number | null}} Window */
/** @typedef {{window: Window, course: Course, forecast: Forecast | null | undefined, promise: string}} PaceProps */

const EDGE = { left: 52, right: 14, top: 12, bottom: 24 };

/** A small one, for a card. @param {PaceProps & {label: string}} props */
export function SmallPace({ window, course, forecast, label }) {
  const [room, width] = useWidth(320);
  const high = 96;
  const scale = scaleOf(window, course, forecast, { left: 0, right: width, top: 4, bottom: high - 2 });
  return html`<div ref=${room}><svg class="pace" width=${width} height=${high} viewBox=${`0 0 ${width} ${high}`} role="img" aria-label=${label}>
    <${Curves} window=${window} course=${course} forecast=${forecast} scale=${scale} bottom=${high - 2} />
  </svg></div>`;
}

/** @param {PaceProps & {name: string, label: string}} props `name`: in the address, and of the file. */
export function Pace({ window, course, forecast, promise, name, label }) {
  const [room, width] = useWidth(900);
  const [place, setPlace] = useState(/** @type {number | null} */ (null));
  const isTable = param(`${name}.table`).value === "1";
  const high = 320;
  const scale = scaleOf(window, course, forecast, { left: EDGE.left, right: width - EDGE.right, top: EDGE.top, bottom: high - EDGE.bottom });
  const [columns, rows] = useMemo(() => rowsOf(course, forecast), [course, forecast]);
  const row = place === null ? null : (rows[Math.min(place, rows.length - 1)] ?? null);
  const at = row && Number(row[0]);
  /** @param {KeyboardEvent} event */
  function walk(event) {
    const here = place ?? course.at_ms.length - 1;
    const step = event.shiftKey ? 10 : 1;
    const to = { ArrowRight: here + step, ArrowLeft: here - step, Home: 0, End: rows.length - 1 }[event.key];
    if (event.key === "Escape") setPlace(null);
    else if (to !== undefined) setPlace(Math.max(0, Math.min(rows.length - 1, to)));
    else return;
    event.preventDefault();
  }
  /** @param {PointerEvent} event */
  function point(event) {
    const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    const at = scale.when(event.clientX - box.left);
    setPlace(rows.reduce((best, one, n) => (Math.abs(Number(one[0]) - at) < Math.abs(Number(rows[best][0]) - at) ? n : best), 0));
  }
  return html`<figure class="chart">
    <div class="tools">
      <${Legend} hasForecast=${Boolean(forecast)} hasLost=${window.lost_ms !== null} />
      <button type="button" class="push" aria-pressed=${String(isTable)} onClick=${() => go({ [`${name}.table`]: isTable ? null : 1 })}>Table</button>
      <button type="button" onClick=${() => download(`${promise}-pace.csv`, csvOf(columns, rows.map(reader(columns.map((one) => one.name)))))}>CSV</button>
    </div>
    <p class="legend" role="status" aria-label="Values">${row ? html`<span><b>${instant(at)}</b></span>${columns.slice(1).map((column, n) => row[n + 1] != null && html`<span key=${column.name}>${column.title} <b>${count(row[n + 1])}</b></span>`)}` : html`<span>H100-equivalent hours since the window began</span>`}</p>
    <div class="plot" ref=${room} role="group" aria-roledescription="chart" aria-label=${`${label} Arrow keys move over it.`} tabindex="0" onKeyDown=${walk} onPointerMove=${point} onPointerLeave=${() => setPlace(null)}>
      <svg class="pace" width=${width} height=${high} viewBox=${`0 0 ${width} ${high}`} aria-hidden="true">
        <${Axes} window=${window} scale=${scale} width=${width} high=${high} />
        <${Curves} window=${window} course=${course} forecast=${forecast} scale=${scale} bottom=${high - EDGE.bottom} isLarge />
        ${at !== null && html`<line class="cross" x1=${scale.x(at)} x2=${scale.x(at)} y1=${EDGE.top} y2=${high - EDGE.bottom} />`}
      </svg>
    </div>
    ${isTable && html`<${Table} name=${`${name}-rows`} label=${label} columns=${columns} data=${{ columns: columns.map((one) => one.name), rows }} />`}
  </figure>`;
}

/** @param {{hasForecast: boolean, hasLost: boolean}} props */
export function Legend({ hasForecast, hasLost }) {
  return html`<p class="legend keys">
    <span><i class="swatch" style=${{ background: "var(--accent)" }}></i>delivered</span>
    <span><i class="swatch" style=${{ borderTop: "2px dashed var(--ink)", height: "0", width: "18px" }}></i>owed</span>
    ${hasForecast && html`<span><i class="swatch" style=${{ background: "var(--unused)", height: "10px" }}></i>forecast, 80 of 100</span>`}
    ${hasLost && html`<span><i class="swatch" style=${{ background: "var(--denied)", width: "2px", height: "13px" }}></i>point of no return</span>`}
  </p>`;
}

/** @typedef {ReturnType<typeof scaleOf>} Scale */

/** @param {Window} window @param {Course} course @param {Forecast | null | undefined} forecast @param {{left: number, right: number, top: number, bottom: number}} box */
function scaleOf({ from_ms, to_ms }, course, forecast, { left, right, top, bottom }) {
  const most = Math.max(1, ...course.owed_heh_h, ...course.delivered_heh_h, ...(forecast?.high_heh_h ?? []), ...(forecast?.owed_heh_h ?? []));
  return {
    most,
    x: (/** @type {number} */ ms) => Math.round((left + ((ms - from_ms) / (to_ms - from_ms)) * (right - left)) * 10) / 10,
    y: (/** @type {number} */ hours) => Math.round((bottom - (hours / most) * (bottom - top)) * 10) / 10,
    when: (/** @type {number} */ x) => from_ms + ((x - left) / (right - left)) * (to_ms - from_ms),
  };
}

/** @param {{window: Window, course: Course, forecast: Forecast | null | undefined, scale: Scale, bottom: number, isLarge?: boolean}} props */
function Curves({ window, course, forecast, scale, bottom, isLarge }) {
  const line = (/** @type {number[]} */ times, /** @type {number[]} */ values) => times.map((at, n) => `${n ? "L" : "M"}${scale.x(at)} ${scale.y(values[n])}`).join("");
  const now_ms = course.at_ms[course.at_ms.length - 1];
  return html`
    ${forecast && html`<path class="ahead" d=${`${line(forecast.at_ms, forecast.low_heh_h)}${forecast.at_ms.toReversed().map((at, n) => `L${scale.x(at)} ${scale.y(forecast.high_heh_h[forecast.at_ms.length - 1 - n])}`).join("")}Z`} />
      <path class="middle" d=${line(forecast.at_ms, forecast.middle_heh_h)} /><path class="owed later" d=${line(forecast.at_ms, forecast.owed_heh_h)} />`}
    <path class="owed" d=${line(course.at_ms, course.owed_heh_h)} />
    <path class="delivered" d=${line(course.at_ms, course.delivered_heh_h)} />
    ${now_ms !== undefined && now_ms < window.to_ms && html`<line class="today" x1=${scale.x(now_ms)} x2=${scale.x(now_ms)} y1="4" y2=${bottom} />`}
    ${window.lost_ms !== null && html`<line class="lost" x1=${scale.x(window.lost_ms)} x2=${scale.x(window.lost_ms)} y1="2" y2=${bottom} />
      ${isLarge && html`<text class="lost" x=${scale.x(window.lost_ms) + (scale.x(window.lost_ms) > scale.x((window.from_ms + window.to_ms) / 2) ? -6 : 6)} y="24" text-anchor=${scale.x(window.lost_ms) > scale.x((window.from_ms + window.to_ms) / 2) ? "end" : "start"}>no return: ${day(window.lost_ms)}</text>`}`}`;
}

/** @param {{window: Window, scale: Scale, width: number, high: number}} props */
function Axes({ window, scale, width, high }) {
  const step = niceStep(scale.most / 4);
  const levels = Array.from({ length: Math.floor(scale.most / step) + 1 }, (_, n) => n * step);
  const parts = Math.max(1, Math.min(6, Math.floor((width - EDGE.left) / 130)));
  const times = Array.from({ length: parts + 1 }, (_, n) => window.from_ms + ((window.to_ms - window.from_ms) * n) / parts);
  return html`
    ${levels.map((level) => html`<g key=${level}><line class="grid" x1=${EDGE.left} x2=${width - EDGE.right} y1=${scale.y(level)} y2=${scale.y(level)} /><text x=${EDGE.left - 8} y=${scale.y(level) + 4} text-anchor="end">${short(level)}</text></g>`)}
    ${times.map((at, n) => html`<text key=${at} x=${scale.x(at)} y=${high - 6} text-anchor=${n === 0 ? "start" : n === parts ? "end" : "middle"}>${day(at)}</text>`)}`;
}

/** @param {number} rough */
function niceStep(rough) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  return [1, 2, 5, 10].map((times) => times * unit).find((step) => step >= rough) ?? rough;
}

/** @param {Course} course @param {Forecast | null | undefined} forecast @returns {[import("../parts/columns.js").Column[], (number | null)[][]]} */
function rowsOf(course, forecast) {
  /** @type {import("../parts/columns.js").Column[]} */
  const columns = [{ name: "at", title: "Time", show: instant, csv: iso }];
  for (const title of ["owed", "delivered", ...(forecast ? ["least likely", "forecast", "most likely"] : [])]) columns.push({ name: `${title} hours`, title, isNumber: true, show: count });
  const rows = course.at_ms.map((at, n) => [at, course.owed_heh_h[n], course.delivered_heh_h[n], ...(forecast ? [null, null, null] : [])]);
  const later = forecast ? forecast.at_ms.slice(1).map((at, n) => [at, forecast.owed_heh_h[n + 1], null, forecast.low_heh_h[n + 1], forecast.middle_heh_h[n + 1], forecast.high_heh_h[n + 1]]) : [];
  return [columns, [...rows, ...later]];
}
