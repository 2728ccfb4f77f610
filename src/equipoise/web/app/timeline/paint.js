/** The picture on a canvas: marks above, devices, what waits; stretched at once when the reader looks closer, until the sharp one comes. */
import { colour } from "../theme.js";

export const MARKS_PX = 30; // three strips of marks
export const GAP_PX = 12;
const STRIP_PX = 8;

/** @typedef {import("./planes.js").Picture} Picture */
/** @typedef {{stack: OffscreenCanvas, waiting: OffscreenCanvas}} Images */

/** Paint a picture's planes by its table of colours. @param {Picture} picture @param {Uint32Array} colours @returns {Images} */
export function images({ of, planes }, colours) {
  return { stack: image(planes.stack, of.width, of.height, colours), waiting: image(planes.waiting, of.width, of.waiting_height, colours) };
}

/** Columns from below become rows from above. @param {import("./planes.js").Plane} plane @param {number} width @param {number} height @param {Uint32Array} colours */
function image(plane, width, height, colours) {
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const data = new ImageData(width, height);
  const pixels = new Uint32Array(data.data.buffer);
  for (let y = 0; y < height; y++) {
    let at = height - 1 - y;
    for (let to = y * width; to < (y + 1) * width; to++, at += height) pixels[to] = colours[plane[at]];
  }
  context.putImageData(data, 0, 0);
  return canvas;
}

/**
 * Draw a picture so that a span fills the canvas.
 * @param {HTMLCanvasElement} canvas @param {Picture} picture @param {Images} found @param {[number, number]} span
 * @param {{height: number, waiting: number}} size In CSS pixels.
 */
export function draw(canvas, picture, found, span, { height, waiting }) {
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const total = MARKS_PX + height + GAP_PX + waiting;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(total * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(total * scale);
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, width, total);
  const { of } = picture;
  const part = width / (span[1] - span[0]);
  const left = (of.from_ms - span[0]) * part;
  const wide = (of.to_ms - of.from_ms) * part;
  context.fillStyle = colour("faint");
  context.fillRect(0, MARKS_PX, width, height);
  context.fillRect(0, MARKS_PX + height + GAP_PX, width, waiting);
  context.drawImage(found.stack, left, MARKS_PX, wide, height);
  context.drawImage(found.waiting, left, MARKS_PX + height + GAP_PX, wide, waiting);
  marks(context, picture, left, wide);
}

/** Starts, reclaims and losses, and what was denied: three strips above the devices. @param {CanvasRenderingContext2D} context @param {Picture} picture @param {number} left @param {number} wide */
function marks(context, { of, planes }, left, wide) {
  const each = wide / of.width;
  const stops = planes.reclaims.map((n, x) => n + planes.failures[x]);
  /** @type {[import("./planes.js").Plane, string][]} */
  const strips = [[planes.starts, colour("held")], [stops, colour("accent")], [planes.denied_gpus, colour("denied")]];
  strips.forEach(([values, paint], n) => {
    let most = 1;
    for (const value of values) most = Math.max(most, value);
    context.fillStyle = paint;
    const base = (n + 1) * (STRIP_PX + 2) - 2;
    for (let x = 0; x < of.width; x++) {
      if (!values[x]) continue;
      const tall = Math.max(1, Math.round((Math.sqrt(values[x]) / Math.sqrt(most)) * STRIP_PX));
      context.fillRect(left + x * each, base - tall, Math.max(1, each), tall);
    }
  });
}
