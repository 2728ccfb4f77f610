/** The picture of a run as the server sends it: a header, and planes of pixels and of numbers by column, deflated. */
import { useEffect, useState } from "preact/hooks";

/**
 * @typedef {object} Heading
 * @property {string} run @property {string} pool @property {number} capacity @property {number} from_ms @property {number} to_ms
 * @property {number} ends_ms @property {number} width @property {number} height @property {number} waiting_height
 * @property {number} waiting_most @property {number} first_value @property {number} edge @property {string[]} teams
 * @property {[string, "uint8" | "uint16" | "uint32", number[]][]} planes @property {string} data
 */
/** @typedef {Uint8Array | Uint16Array | Uint32Array} Plane */
/** @typedef {{of: Heading, planes: Record<string, Plane>}} Picture */

const TYPES = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array };

/** @param {Heading} heading @returns {Promise<Picture>} */
export async function unpacked(heading) {
  const packed = Uint8Array.from(atob(heading.data), (one) => one.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  /** @type {Record<string, Plane>} */
  const planes = {};
  let at = 0;
  for (const [name, type, shape] of heading.planes) {
    const length = shape.reduce((a, b) => a * b, 1) * TYPES[type].BYTES_PER_ELEMENT;
    planes[name] = new TYPES[type](bytes.slice(at, at + length).buffer);
    at += length;
  }
  return { of: heading, planes };
}

/** The latest picture that is unpacked; the one before stays until then. @param {Heading | null} heading */
export function usePicture(heading) {
  const [picture, show] = useState(/** @type {Picture | null} */ (null));
  useEffect(() => {
    let isOver = false;
    if (heading) void unpacked(heading).then((found) => isOver || show(found));
    return () => void (isOver = true);
  }, [heading]);
  return picture;
}

/** Which column shows a moment; outside, the nearest. @param {Heading} of @param {number} at_ms */
export function columnAt(of, at_ms) {
  return Math.max(0, Math.min(of.width - 1, Math.floor(((at_ms - of.from_ms) * of.width) / (of.to_ms - of.from_ms))));
}

/** The moment in the middle of a column. @param {Heading} of @param {number} column */
export function momentAt(of, column) {
  return of.from_ms + ((column + 0.5) * (of.to_ms - of.from_ms)) / of.width;
}

/** The team at a place of the picture, `fraction` of its height from below; null: nobody's. @param {Picture} picture @param {number} column @param {number} fraction */
export function teamAt({ of, planes }, column, fraction) {
  const row = Math.max(0, Math.min(of.height - 1, Math.floor(fraction * of.height)));
  const value = planes.stack[column * of.height + row] & (of.edge - 1);
  return value >= of.first_value ? of.teams[value - of.first_value] : null;
}

/** What each team holds in a column, in devices, as far as pixels tell. @param {Picture} picture @param {number} column @returns {number[]} */
export function heldAt({ of, planes }, column) {
  const rows = new Array(of.teams.length).fill(0);
  const stack = planes.stack.subarray(column * of.height, (column + 1) * of.height);
  for (const pixel of stack) {
    const team = (pixel & (of.edge - 1)) - of.first_value;
    if (team >= 0) rows[team]++;
  }
  const painted = rows.reduce((a, b) => a + b, 0);
  const each = painted ? planes.held[column] / painted : 0;
  return rows.map((n) => Math.round(n * each));
}

/** Where a team's band lies in a column, as parts of the height from below; null where it holds nothing. @param {Picture} picture @param {number} column @param {number} team */
export function bandAt({ of, planes }, column, team) {
  let low = -1;
  let high = -1;
  for (let row = 0; row < of.height; row++) {
    if ((planes.stack[column * of.height + row] & (of.edge - 1)) === team + of.first_value) {
      if (low < 0) low = row;
      high = row + 1;
    }
  }
  return low < 0 ? null : [low / of.height, high / of.height];
}
