/** Colours of teams in the picture: one for each team at the top, shades of it for those below. */
import { colour, teamColour } from "../theme.js";

const SHADES = [0, 0.28, 0.14, 0.4];

/** @typedef {{name: string, css: string, rgb: number[]}} Shade */

/** The shade of every leaf. @param {string[]} teams Paths in the charter's order. @returns {Shade[]} */
export function shades(teams) {
  const tops = [...new Set(teams.map(top))];
  const paper = rgb(colour("card"));
  /** @type {Map<string, number>} */
  const seen = new Map();
  return teams.map((team) => {
    const nth = seen.get(top(team)) ?? 0;
    seen.set(top(team), nth + 1);
    const base = rgb(colour(teamColour(tops.indexOf(top(team)))));
    const mixed = mix(base, paper, SHADES[nth % SHADES.length]);
    return { name: team, css: `rgb(${mixed.join(" ")})`, rgb: mixed };
  });
}

/** @param {string} team */
export function top(team) {
  return team.split(".")[0];
}

/**
 * What each value of a pixel is painted as: 0xAABBGGRR. @param {{first_value: number, edge: number}} of @param {Shade[]} found
 * @param {(team: string) => boolean} isShown @returns {Uint32Array}
 */
export function table(of, found, isShown) {
  const colours = new Uint32Array(2 * of.edge);
  const card = rgb(colour("card"));
  const ink = rgb(colour("card"));
  colours[0] = packed(rgb(colour("faint")));
  colours[1] = packed(mix(rgb(colour("faint")), rgb(colour("ink")), 0.3));
  found.forEach(({ name, rgb: own }, n) => {
    const shown = isShown(name) ? own : mix(own, card, 0.82);
    colours[of.first_value + n] = packed(shown);
    colours[(of.first_value + n) | of.edge] = packed(mix(shown, ink, 0.45));
  });
  return colours;
}

/** @param {string} text A colour as style sheets have it. @returns {number[]} */
export function rgb(text) {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  if (hex) return hex.slice(1).map((part) => parseInt(part, 16));
  const parts = text.match(/\d+(\.\d+)?/g) ?? ["0", "0", "0"];
  return parts.slice(0, 3).map(Number);
}

/** @param {number[]} a @param {number[]} b @param {number} part Of b. */
function mix(a, b, part) {
  return a.map((value, n) => Math.round(value * (1 - part) + b[n] * part));
}

/** @param {number[]} of */
function packed([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
