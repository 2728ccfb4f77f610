/** What pointer and keys do on a picture: point, draw a box, look closer, move along. */
import { anchor, boxOf, common, cross, drawBox, look, pan, zoom } from "./span.js";

/** @typedef {import("./span.js").Span} Span */
/**
 * @typedef {object} Stage
 * @property {() => Span} span @property {() => Span} whole
 * @property {(at_ms: number, fraction: number) => string | null} teamAt
 * @property {(at_ms: number, fraction: number, step: 1 | -1) => number} nextBand
 * @property {(event: {clientX: number, clientY: number}) => {at_ms: number, fraction: number}} placeOf
 */

const DRAG_PX = 4;

/** @param {PointerEvent} event @param {Stage} stage */
export function pressed(event, stage) {
  if (event.button !== 0 && event.button !== 1) return;
  const element = /** @type {HTMLElement} */ (event.currentTarget);
  const isPan = event.shiftKey || event.button === 1;
  const begin = stage.placeOf(event);
  const team = stage.teamAt(begin.at_ms, begin.fraction);
  const span = stage.span();
  let isDrag = false;
  element.setPointerCapture(event.pointerId);
  /** @param {PointerEvent} move */
  function moved(move) {
    isDrag ||= Math.abs(move.clientX - event.clientX) > DRAG_PX;
    if (!isDrag) return;
    if (isPan) {
      const by = ((event.clientX - move.clientX) / element.clientWidth) * (span[1] - span[0]);
      look([span[0] + by, span[1] + by], stage.whole());
    } else anchor.value = { at_ms: begin.at_ms, team };
  }
  /** @param {PointerEvent} up */
  function released(up) {
    element.removeEventListener("pointermove", moved);
    element.removeEventListener("pointerup", released);
    element.removeEventListener("pointercancel", given);
    anchor.value = null;
    if (isPan) return;
    const end = stage.placeOf(up);
    if (isDrag) drawBox({ from_ms: begin.at_ms, to_ms: end.at_ms, team: common(team, stage.teamAt(end.at_ms, end.fraction)) });
    else aroundHere(begin.at_ms, team, element.clientWidth, span);
  }
  function given() {
    element.removeEventListener("pointermove", moved);
    element.removeEventListener("pointerup", released);
    anchor.value = null;
  }
  element.addEventListener("pointermove", moved);
  element.addEventListener("pointerup", released);
  element.addEventListener("pointercancel", given);
}

/** A click is a box of a few pixels around it. @param {number} at_ms @param {string | null} team @param {number} width @param {Span} span */
function aroundHere(at_ms, team, width, span) {
  const half = (DRAG_PX / width) * (span[1] - span[0]);
  drawBox({ from_ms: at_ms - half, to_ms: at_ms + half, team: team ?? "" });
}

/** The wheel looks closer where the picture has the focus, or with Ctrl; else the page scrolls. @param {WheelEvent} event @param {Stage} stage */
export function wheeled(event, stage) {
  const element = /** @type {HTMLElement} */ (event.currentTarget);
  if (!event.ctrlKey && !event.metaKey && document.activeElement !== element) return;
  event.preventDefault();
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / element.clientWidth, stage.span(), stage.whole());
  else zoom(Math.exp(event.deltaY / 400), stage.placeOf(event).at_ms, stage.span(), stage.whole());
}

/** @param {KeyboardEvent} event @param {Stage} stage */
export function typed(event, stage) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const span = stage.span();
  const here = cross.value ?? { at_ms: (span[0] + span[1]) / 2, fraction: 0.02 };
  const step = (span[1] - span[0]) / 100;
  const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (move && event.shiftKey) pan(move / 4, span, stage.whole());
  else if (move) cross.value = { ...here, at_ms: Math.max(span[0], Math.min(span[1], here.at_ms + move * step)) };
  else if (event.key === "ArrowUp" || event.key === "ArrowDown")
    cross.value = { ...here, fraction: stage.nextBand(here.at_ms, here.fraction, event.key === "ArrowUp" ? 1 : -1) };
  else if (event.key === "+" || event.key === "=") zoom(0.5, here.at_ms, span, stage.whole());
  else if (event.key === "-") zoom(2, here.at_ms, span, stage.whole());
  else if (event.key === "Home") pan(-1e6, span, stage.whole());
  else if (event.key === "End") pan(1e6, span, stage.whole());
  else if (event.key === "Enter") boxByKey(here, stage);
  else if (event.key === "Escape") escape_(stage);
  else return;
  event.preventDefault();
}

/** The first Enter begins a box, the second ends it. @param {{at_ms: number, fraction: number}} here @param {Stage} stage */
function boxByKey(here, stage) {
  const team = stage.teamAt(here.at_ms, here.fraction);
  const begun = anchor.value;
  if (!begun) anchor.value = { at_ms: here.at_ms, team };
  else {
    anchor.value = null;
    if (begun.at_ms !== here.at_ms) drawBox({ from_ms: begun.at_ms, to_ms: here.at_ms, team: common(begun.team, team) });
  }
}

/** Take back the last thing: a box that is being drawn, the box, how close it is. @param {Stage} stage */
function escape_(stage) {
  if (anchor.value) anchor.value = null;
  else if (boxOf()) drawBox(null);
  else look(stage.whole(), stage.whole());
}
