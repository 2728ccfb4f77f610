/** How a chart is drawn: what uPlot is told, and its size, which follows the room it has. */
import uPlot from "uplot";
import { tz } from "../state.js";
import { colour } from "../theme.js";
import { short } from "../units.js";
import { columnsOf } from "./chart.js";

const DAY_MS = 86_400_000;

/**
 * Draw a chart in an element.
 * @param {HTMLDivElement} element
 * @param {{series: import("./chart.js").Series[], height: number, least: number, isStepped: boolean, setPlace: (place: number | null) => void,
 *   zoom: (span: [number, number] | null) => void}} of
 * @returns {{plot: uPlot, end: () => void}}
 */
export function drawn(element, { series, height, least, isStepped, setPlace, zoom }) {
  const plot = new uPlot(
    {
      width: Math.max(120, element.clientWidth),
      height,
      ms: 1,
      tzDate: (ms) => uPlot.tzDate(new Date(ms), tz.peek()),
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => () => (zoom(null), null) } },
      scales: { x: { time: true }, y: { range: (_plot, from, to) => extent(from, to, least) } },
      axes: [{ ...axis(), values: (_plot, splits, _axis, _space, step) => splits.map((at) => label(at, step)) }, { ...axis(), size: 52, values: (_plot, splits) => splits.map(short) }],
      series: [{}, ...series.flatMap((one) => lines(one, isStepped))],
      bands: bands(series),
      hooks: {
        setCursor: [(it) => setPlace(it.cursor.idx ?? null)],
        setSelect: [
          (it) => {
            if (it.select.width > 4) zoom([it.posToVal(it.select.left, "x"), it.posToVal(it.select.left + it.select.width, "x")]);
            if (it.select.width) it.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
    },
    columnsOf(series),
    element,
  );
  const watch = new ResizeObserver(() => plot.setSize({ width: Math.max(120, element.clientWidth), height }));
  watch.observe(element);
  return {
    plot,
    end: () => {
      watch.disconnect();
      plot.destroy();
    },
  };
}

/** @returns {uPlot.Axis} */
function axis() {
  const line = { stroke: colour("faint"), width: 1 };
  return { stroke: colour("soft"), grid: line, ticks: { ...line, size: 4 }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
}

/** @param {import("./chart.js").Series} one @param {boolean} isStepped @returns {uPlot.Series[]} */
function lines(one, isStepped) {
  const stroke = colour(one.colour);
  const paths = isStepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  /** @type {uPlot.Series} */
  const mean = { label: one.name, stroke, width: one.isDashed ? 1.5 : 2, dash: one.isDashed ? [5, 4] : undefined, points: { show: false }, paths };
  const edge = { stroke: "transparent", width: 0, points: { show: false }, paths };
  return one.data.min ? [mean, edge, edge] : [mean];
}

/** @param {import("./chart.js").Series[]} series @returns {uPlot.Band[]} */
function bands(series) {
  /** @type {uPlot.Band[]} */
  const found = [];
  let column = 1;
  for (const one of series) {
    if (one.data.min) found.push({ series: [column + 1, column + 2], fill: `${colour(one.colour)}38` });
    column += one.data.min ? 3 : 1;
  }
  return found;
}

/** @param {number | null} from @param {number | null} to @param {number} least @returns {[number, number]} */
function extent(from, to, least) {
  const low = Number.isNaN(least) ? (from ?? 0) : Math.min(least, from ?? least);
  const high = Math.max(to ?? 1, low + 1);
  const room = (high - low) * 0.06;
  return [low < 0 || Number.isNaN(least) ? low - room : low, high + room];
}

/** @param {number} at_ms @param {number} step_ms */
function label(at_ms, step_ms) {
  const options = { timeZone: tz.peek(), hourCycle: /** @type {const} */ ("h23") };
  const time = new Intl.DateTimeFormat("en-GB", { ...options, hour: "2-digit", minute: "2-digit" }).format(at_ms);
  if (step_ms < DAY_MS && time !== "00:00") return time;
  return new Intl.DateTimeFormat("en-GB", { ...options, day: "numeric", month: "short" }).format(at_ms);
}
