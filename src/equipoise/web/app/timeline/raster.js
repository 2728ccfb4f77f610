/** A run as a picture: time to the right, devices stacked by team, marks above and what waits below; pointer and keys look into it. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "htm/preact";
import { Answered } from "../parts/states.js";
import { useServer } from "../server.js";
import { at, param, tz } from "../state.js";
import { isDark } from "../theme.js";
import { amount, count, instant } from "../units.js";
import { ticks } from "./axis.js";
import { pressed, typed, wheeled } from "./gestures.js";
import { draw, GAP_PX, images, MARKS_PX } from "./paint.js";
import { shades, table } from "./palette.js";
import { bandAt, columnAt, heldAt, teamAt, usePicture } from "./planes.js";
import { anchor, boxOf, common, cross } from "./span.js";

/** @typedef {import("./span.js").Span} Span */
/** @typedef {import("./planes.js").Picture} Picture */

/**
 * @param {{run: string, title: string, pool: string, span: Span, whole: Span, height: number, waiting: number, number: number, isLive: boolean,
 *   onPicture?: (picture: Picture) => void}} props
 */
export function Raster({ run, title, pool, span, whole, height, waiting, number, isLive, onPicture }) {
  const stage = useRef(/** @type {HTMLDivElement | null} */ (null));
  const width = useWidth(stage);
  const query = { pool, from_ms: Math.round(span[0]), to_ms: Math.round(span[1]), width: width || 800, height, waiting_height: waiting, again: isLive ? number : null };
  const answer = useServer(width ? `/runs/${encodeURIComponent(run)}/raster` : null, { query });
  const picture = usePicture(/** @type {any} */ (answer.data));
  useEffect(() => void (picture && onPicture?.(picture)), [picture]);
  return html`<div class="raster">
    <div class="stage-room" ref=${stage}>
      ${picture && html`<${Stage} picture=${picture} span=${span} whole=${whole} height=${height} waiting=${waiting} title=${title} width=${width} />`}
    </div>
    ${!picture && html`<${Answered} of=${answer} what="the picture" isPart>${() => null}<//>`}
    ${picture && answer.problem && html`<p class="stale" role="status">${answer.problem.sentence} ${answer.problem.hint}</p>`}
  </div>`;
}

/** @param {import("preact").RefObject<HTMLDivElement | null>} room */
function useWidth(room) {
  const [width, set] = useState(0);
  useLayoutEffect(() => {
    const element = room.current;
    if (!element) return;
    const watch = new ResizeObserver(() => set(Math.max(160, Math.round(element.clientWidth))));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return width;
}

/** @param {{picture: Picture, span: Span, whole: Span, height: number, waiting: number, title: string, width: number}} props */
function Stage({ picture, span, whole, height, waiting, title, width }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const element = useRef(/** @type {HTMLDivElement | null} */ (null));
  const only = param("only").value ?? "";
  const found = useMemo(() => images(picture, coloursOf(picture, only)), [picture, only, isDark.value]);
  useLayoutEffect(() => draw(/** @type {HTMLCanvasElement} */ (canvas.current), picture, found, span, { height, waiting }), [found, span[0], span[1], width, height, waiting, isDark.value]);
  const now = useRef({ picture, span, whole, height });
  now.current = { picture, span, whole, height };
  const of = useMemo(() => stageOf(now, element), []);
  useEffect(() => {
    const room = /** @type {HTMLDivElement} */ (element.current);
    const wheel = (/** @type {WheelEvent} */ event) => wheeled(event, of);
    room.addEventListener("wheel", wheel, { passive: false });
    return () => room.removeEventListener("wheel", wheel);
  }, []);
  return html`<div class="stage" ref=${element} tabindex="0" role="group" aria-roledescription="picture of jobs" data-from=${picture.of.from_ms} data-to=${picture.of.to_ms}
      aria-label=${`${title}: who holds the devices of ${picture.of.pool} over time. Arrow keys move the cross, Shift and arrows move along, Plus and Minus zoom, Enter begins and ends a box, Escape takes back.`}
      onPointerDown=${(/** @type {PointerEvent} */ event) => pressed(event, of)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => typed(event, of)}
      onPointerMove=${(/** @type {PointerEvent} */ event) => (cross.value = of.placeOf(event))} onPointerLeave=${() => (cross.value = null)}>
      <canvas ref=${canvas} style=${{ height: `${MARKS_PX + height + GAP_PX + waiting}px` }} aria-hidden="true"></canvas>
      <${Over} picture=${picture} span=${span} width=${width} height=${height} waiting=${waiting} />
    </div>
    <${Readout} picture=${picture} />`;
}

/** @param {Picture} picture @param {string} only */
function coloursOf({ of }, only) {
  const chosen = only ? only.split(",") : [];
  return table(of, shades(of.teams), (team) => !chosen.length || chosen.some((one) => team === one || team.startsWith(`${one}.`)));
}

/**
 * What gestures ask of the picture that is there now.
 * @param {{current: {picture: Picture, span: Span, whole: Span, height: number}}} now @param {import("preact").RefObject<HTMLDivElement | null>} element
 * @returns {import("./gestures.js").Stage}
 */
function stageOf(now, element) {
  return {
    span: () => now.current.span,
    whole: () => now.current.whole,
    teamAt: (at_ms, fraction) => teamAt(now.current.picture, columnAt(now.current.picture.of, at_ms), fraction),
    nextBand(at_ms, fraction, step) {
      const { picture } = now.current;
      const column = columnAt(picture.of, at_ms);
      const bands = picture.of.teams.map((_, team) => bandAt(picture, column, team)).flatMap((band) => (band ? [(band[0] + band[1]) / 2] : []));
      const next = step > 0 ? bands.find((middle) => middle > fraction + 0.001) : bands.findLast((middle) => middle < fraction - 0.001);
      return next ?? fraction;
    },
    placeOf({ clientX, clientY }) {
      const { left, top, width } = /** @type {HTMLDivElement} */ (element.current).getBoundingClientRect();
      const { span: [from, to], height } = now.current;
      const part = Math.max(0, Math.min(1, (clientX - left) / width));
      return { at_ms: from + part * (to - from), fraction: Math.max(0, Math.min(0.9999, 1 - (clientY - top - MARKS_PX) / height)) };
    },
  };
}

/** Lines, box and times over the canvas. @param {{picture: Picture, span: Span, width: number, height: number, waiting: number}} props */
function Over({ picture, span: [from, to], width, height, waiting }) {
  void tz.value;
  const x = (/** @type {number} */ at_ms) => ((at_ms - from) / (to - from)) * width;
  const total = MARKS_PX + height + GAP_PX + waiting;
  const here = cross.value;
  const begun = anchor.value;
  const box = begun && here ? { from_ms: Math.min(begun.at_ms, here.at_ms), to_ms: Math.max(begun.at_ms, here.at_ms), team: common(begun.team, teamAt(picture, columnAt(picture.of, here.at_ms), here.fraction)) } : boxOf();
  const marked = at.value;
  return html`<svg class="over" width=${width} height=${total + 22} aria-hidden="true">
    ${["starts", "stops", "denied"].map((name, n) => html`<text class="strip" x="4" y=${8 + n * 10}>${name}</text>`)}
    <text class="strip" x="4" y=${MARKS_PX + height + GAP_PX + 11}>waiting, up to ${count(picture.of.waiting_most)} devices</text>
    ${ticks(from, to, Math.max(2, Math.floor(width / 90))).map((one) => html`<g key=${one.at_ms}><line class="tick" x1=${x(one.at_ms)} x2=${x(one.at_ms)} y1=${total} y2=${total + 4} />
      <text class="time" x=${Math.max(16, Math.min(width - 16, x(one.at_ms)))} y=${total + 17} text-anchor="middle">${one.text}</text></g>`)}
    ${box && html`<rect class="box" x=${x(box.from_ms)} width=${Math.max(2, x(box.to_ms) - x(box.from_ms))} y=${MARKS_PX} height=${total - MARKS_PX} />
      <text class="strip" x=${Math.max(4, Math.min(width - 120, x(box.from_ms) + 4))} y=${MARKS_PX + 14}>${box.team || "all teams"}</text>`}
    ${marked !== null && marked >= from && marked <= to && html`<line class="moment" x1=${x(marked)} x2=${x(marked)} y1=${MARKS_PX - 4} y2=${total} />`}
    ${here && here.at_ms >= from && here.at_ms <= to && html`<line class="cross" x1=${x(here.at_ms)} x2=${x(here.at_ms)} y1="0" y2=${total} /><line class="cross" x1="0" x2=${width} y1=${MARKS_PX + (1 - here.fraction) * height} y2=${MARKS_PX + (1 - here.fraction) * height} />`}
  </svg>`;
}

/** What is under the cross, in words. @param {{picture: Picture}} props */
function Readout({ picture }) {
  const here = cross.value;
  if (!here) return html`<p class="readout soft" role="status">Point, or use the arrow keys: who holds what, and when. Draw a box to see its jobs.</p>`;
  const { of, planes } = picture;
  const column = columnAt(of, here.at_ms);
  const team = teamAt(picture, column, here.fraction);
  const held = team === null ? "" : `${team} holds about ${count(heldAt(picture, column)[of.teams.indexOf(team)])}; `;
  const stops = planes.reclaims[column] + planes.failures[column];
  return html`<p class="readout" role="status"><b>${instant(here.at_ms)}</b> ${held}${count(planes.held[column])} of ${amount(of.capacity)} are held, ${count(planes.waiting_gpus[column])} waited for${
    planes.denied_gpus[column] ? `, ${count(planes.denied_gpus[column])} denied` : ""
  }; ${amount(planes.starts[column], "start")}${stops ? `, ${amount(stops, "stop")}` : ""} in this column.${anchor.value ? " The box begins at the first Enter; Enter ends it." : ""}</p>`;
}
