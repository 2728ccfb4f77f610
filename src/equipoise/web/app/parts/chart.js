/**
 * A chart of series over time, by uPlot: bands of least and most where the server sent buckets, a cross under pointer or arrow keys, a
 * span drawn to look closer, the same numbers as table and CSV. Times are in the zone of the address.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "htm/preact";
import { go, param, tz } from "../state.js";
import { isDark } from "../theme.js";
import { count, instant, iso } from "../units.js";
import { csvOf, download, reader } from "./columns.js";
import { Table } from "./table.js";
import { drawn } from "./drawing.js";

/**
 * Buckets as the server sends them: one for every step from `from_ms` on. `min` and `max` where there is a band.
 * @typedef {{from_ms: number, step_ms: number, mean: (number | null)[], min?: (number | null)[], max?: (number | null)[]}} Buckets
 */
/**
 * @typedef {object} Series
 * @property {string} name
 * @property {string} colour A name of the theme: `accent`, `t0`.
 * @property {Buckets} data All series of a chart have the same steps.
 * @property {boolean} [isDashed] For what is not measured: floors, limits, forecasts.
 */
/**
 * @typedef {object} ChartProps
 * @property {string} name In the address and of the file: short, one word.
 * @property {string} label What it shows, in a sentence.
 * @property {Series[]} series
 * @property {string} [unit] "devices".
 * @property {number} [height]
 * @property {number} [least] Where the axis begins; default 0. NaN: where the data do.
 * @property {boolean} [isStepped] Values hold until the next: allocations.
 * @property {(value: number | null | undefined) => string} [show]
 * @property {(span: [number, number] | null) => void} [onZoom] A span was drawn, or by a double click taken back; default: into `range` of the address.
 * @property {import("preact").ComponentChildren} [tools]
 */

/** @param {ChartProps} props */
export function Chart({ name, label, series, unit = "", height = 240, least = 0, isStepped = false, show = count, onZoom = intoRange, tools }) {
  const room = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {import("uplot") | null} */ (null));
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const [place, setPlace] = useState(/** @type {number | null} */ (null));
  const isTable = param(`${name}.table`).value === "1";
  const times = useMemo(() => timesOf(series), [series]);
  const shape = JSON.stringify([series.map((one) => [one.name, one.colour, one.isDashed, one.data.min !== undefined]), height, least, isStepped, unit, tz.value, isDark.value]);
  useLayoutEffect(() => {
    const element = /** @type {HTMLDivElement} */ (room.current);
    const made = drawn(element, { series, height, least, isStepped, setPlace, zoom: (span) => zoom.current(span) });
    plot.current = made.plot;
    return () => {
      plot.current = null;
      made.end();
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(columnsOf(series)), [series, shape]);
  function save() {
    const [columns, rows] = asTable(series, times, show);
    download(`${name}.csv`, csvOf(columns, rows));
  }
  const at = place !== null && place < times.length ? place : null;
  return html`<figure class="chart">
    <div class="tools">
      ${tools}
      <button type="button" class="push" aria-pressed=${String(isTable)} onClick=${() => go({ [`${name}.table`]: isTable ? null : 1 })}>Table</button>
      <button type="button" onClick=${save}>CSV</button>
    </div>
    <p class="legend" role="status" aria-label="Values">
      <span>${at === null ? unit || "\u00a0" : html`<b>${instant(times[at])}</b>`}</span>
      ${series.map((one) => html`<span key=${one.name}><i class="swatch" style=${swatch(one)}></i>${one.name}${at !== null && html` <b>${valueOf(one.data, at, show)}</b>`}</span>`)}
    </p>
    <div class="plot" ref=${room} role="group" aria-roledescription="chart" aria-label=${`${label} Arrow keys move over it, Plus looks closer, Escape takes it back.`} tabindex="0"
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => walked(event, times.length, place, plot.current, zoom.current, times)}></div>
    ${isTable && html`<${Twin} name=${name} label=${label} series=${series} times=${times} show=${show} />`}
  </figure>`;
}

/** @param {{name: string, label: string, series: Series[], times: number[], show: (value: any) => string}} props */
function Twin({ name, label, series, times, show }) {
  const [columns, , data] = useMemo(() => asTable(series, times, show), [series, times, show]);
  return html`<${Table} name=${`${name}-rows`} label=${label} columns=${columns} data=${data} />`;
}

/** @param {[number, number] | null} span */
function intoRange(span) {
  go({ range: span && span.map(Math.round).join("-") });
}

/** @param {Series} one */
function swatch(one) {
  return one.isDashed ? { borderTop: `2px dashed var(--${one.colour})`, height: "0", width: "18px" } : { background: `var(--${one.colour})` };
}

/** @param {Series[]} series */
function timesOf(series) {
  if (!series.length) return [];
  const { from_ms, step_ms, mean } = series[0].data;
  return mean.map((_, n) => from_ms + n * step_ms);
}

/** uPlot's columns: times, and for each series its mean, and its band's most and least. @param {Series[]} series @returns {import("uplot").AlignedData} */
export function columnsOf(series) {
  return /** @type {any} */ ([timesOf(series), ...series.flatMap(({ data }) => (data.min ? [data.mean, data.max, data.min] : [data.mean]))]);
}

/** @param {Buckets} data @param {number} at @param {(value: any) => string} show */
function valueOf(data, at, show) {
  const mean = show(data.mean[at]);
  if (!data.min || !data.max || data.min[at] === data.max[at]) return mean;
  return `${mean} (${show(data.min[at])} to ${show(data.max[at])})`;
}

/**
 * @param {Series[]} series @param {number[]} times @param {(value: any) => string} show
 * @returns {[import("./columns.js").Column[], import("./columns.js").Row[], import("./columns.js").Columnar]}
 */
function asTable(series, times, show) {
  /** @type {import("./columns.js").Column[]} */
  const columns = [{ name: "at", title: "Time", show: instant, csv: iso }];
  /** @type {(number | null)[][]} */
  const values = [times];
  for (const { name, data } of series) {
    for (const [kind, title] of /** @type {const} */ ([["mean", ""], ["min", " least"], ["max", " most"]])) {
      const found = data[kind];
      if (!found) continue;
      columns.push({ name: name + title, title: name + title, isNumber: true, show });
      values.push(found);
    }
  }
  const data = { columns: columns.map((one) => one.name), rows: times.map((_, n) => values.map((column) => column[n])) };
  return [columns, data.rows.map(reader(data.columns)), data];
}

/**
 * Arrows move the cross, Plus looks at a quarter around it, Escape takes it back.
 * @param {KeyboardEvent} event @param {number} length @param {number | null} place @param {import("uplot") | null} plot
 * @param {(span: [number, number] | null) => void} zoom @param {number[]} times
 */
function walked(event, length, place, plot, zoom, times) {
  if (!plot || !length || event.ctrlKey || event.metaKey || event.altKey) return;
  const here = place ?? length - 1;
  const step = event.shiftKey ? 10 : 1;
  const next = { ArrowRight: here + step, ArrowLeft: here - step, Home: 0, End: length - 1 }[event.key];
  if (next !== undefined) {
    const to = Math.max(0, Math.min(length - 1, next));
    plot.setCursor({ left: plot.valToPos(times[to], "x"), top: plot.over.clientHeight / 2 });
  } else if (event.key === "+" || event.key === "=") {
    const around = Math.max(1, Math.round(length / 8));
    zoom([times[Math.max(0, here - around)], times[Math.min(length - 1, here + around)]]);
  } else if (event.key === "Escape") zoom(null);
  else return;
  event.preventDefault();
}
