/** One number over the months ahead, on one course: the median, and the bands in which half and nine tenths of the runs lie. */
import { useState } from "preact/hooks";
import { html } from "htm/preact";
import { figure } from "./figures.js";

/** @typedef {import("./years.js").Fan} Fan */
/** @typedef {{least: number, most: number}} Scale */
const WIDTH = 600;
const HEIGHT = 180;
const LOW = 0;
const QUARTER = 1;
const MEDIAN = 2;
const UPPER = 3;
const HIGH = 4;

/** The course's number among those compared chooses its colour. @param {number} course */
export function courseClass(course) {
  return `course-${Math.min(course, 3)}`;
}

/** Where the fan of a course is read: `month` of it, or its end. @param {Fan} fan @param {number | null} at */
export function reading(fan, at) {
  const place = at === null ? fan.months.length - 1 : at;
  const [low, quarter, median, upper, high] = fan.bands.map((band) => figure(band[place], fan.unit));
  return { month: fan.months[place], low, quarter, median, upper, high };
}

/**
 * @param {{fan: Fan, course: number, label: string, title: string, scale: Scale, at: number | null, onMove: (at: number | null) => void}} props
 *   `at` is the place among the fan's months that is read, the same for those side by side.
 */
export function FanChart({ fan, course, label, title, scale, at, onMove }) {
  const { month, low, quarter, median, upper, high } = reading(fan, at);
  const x = (/** @type {number} */ of) => (of / fan.months[fan.months.length - 1]) * WIDTH;
  const y = (/** @type {number} */ value) => HEIGHT * (1 - (Math.min(Math.max(value, scale.least), scale.most) - scale.least) / (scale.most - scale.least));
  const [isRead, read] = useState(false);
  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    const here = at ?? fan.months.length - 1;
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: fan.months.length - 1 }[event.key];
    if (event.key === "Escape") onMove(null);
    else if (to !== undefined) onMove(Math.max(0, Math.min(fan.months.length - 1, to)));
    else return;
    event.preventDefault();
  }
  /** @param {PointerEvent} event */
  function onPointerMove(event) {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const of = ((event.clientX - box.left) / box.width) * fan.months[fan.months.length - 1];
    onMove(fan.months.reduce((best, each, n) => (Math.abs(each - of) < Math.abs(fan.months[best] - of) ? n : best), 0));
  }
  const ticks = [scale.most, (scale.most + scale.least) / 2, scale.least];
  return html`<div class=${`fan ${courseClass(course)}`}>
    <p class="read"><b>${label}</b> <span>month ${month}: <b>${median}</b>, half ${quarter} to ${upper}, 90 % ${low} to ${high}</span></p>
    <div class="grid">
      <div class="ys" aria-hidden="true">${ticks.map((one) => html`<span key=${one}>${figure(one, fan.unit)}</span>`)}</div>
      <div class="canvas" role="slider" tabindex="0" aria-label=${`${title}, ${label}: month`} aria-valuemin="0" aria-valuemax=${fan.months[fan.months.length - 1]} aria-valuenow=${month}
        aria-valuetext=${`month ${month}: median ${median}, half of the runs ${quarter} to ${upper}, nine tenths ${low} to ${high}`}
        onKeyDown=${onKeyDown} onPointerMove=${onPointerMove} onPointerLeave=${() => !isRead && onMove(null)} onFocus=${() => read(true)} onBlur=${() => (read(false), onMove(null))}>
        <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          <path class="rule" d=${`M0 ${y(ticks[1])}H${WIDTH}M0 0H${WIDTH}`} />
          ${scale.least < 0 && html`<path class="zero" d=${`M0 ${y(0)}H${WIDTH}`} />`}
          <path class="far" d=${between(fan, LOW, HIGH, x, y)} />
          <path class="near" d=${between(fan, QUARTER, UPPER, x, y)} />
          <path class="middle" d=${line(fan.bands[MEDIAN], fan.months, x, y)} />
          ${at !== null && html`<path class="cross" d=${`M${x(month)} 0V${HEIGHT}`} />`}
        </svg>
      </div>
      <div class="xs" aria-hidden="true"><span>now</span><span>${fan.months[fan.months.length - 1]} months</span></div>
    </div>
  </div>`;
}

/** @typedef {(value: number) => number} Place */
/** @param {Fan} fan @param {number} low @param {number} high @param {Place} x @param {Place} y */
function between(fan, low, high, x, y) {
  const above = line(fan.bands[high], fan.months, x, y);
  const back = fan.months.map((_, n) => fan.months.length - 1 - n).map((n) => `L${x(fan.months[n]).toFixed(1)} ${y(fan.bands[low][n]).toFixed(1)}`);
  return `${above}${back.join("")}Z`;
}

/** @param {number[]} values @param {number[]} months @param {Place} x @param {Place} y */
function line(values, months, x, y) {
  return values.map((value, n) => `${n ? "L" : "M"}${x(months[n]).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

/** What the bands mean, and which colour is which course. @param {{courses: string[], runs: number}} props */
export function FanKey({ courses, runs }) {
  return html`<p class="legend fankey">
    ${courses.map((name, n) => html`<span key=${name} class=${courseClass(n)}><i class="swatch line"></i>${name}</span>`)}
    <span class="course-0"><i class="swatch line"></i>median of ${runs.toLocaleString("en")} runs</span>
    <span class="course-0"><i class="swatch near"></i>half of the runs</span>
    <span class="course-0"><i class="swatch far"></i>nine tenths</span>
  </p>`;
}
