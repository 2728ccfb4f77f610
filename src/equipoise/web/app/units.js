/** Quantities as people read them. Everything takes what the server sends: ms, GPU hours, parts per million, Unix ms. */
import { tz } from "./state.js";

const NONE = "–";
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** @type {Map<string, Intl.NumberFormat>} */
const numbers = new Map();
/** @type {Map<string, Intl.DateTimeFormat>} */
const dates = new Map();

/** A whole number with separators. Takes one argument, like all that columns take for `show`. @param {number | null | undefined} value */
export function count(value) {
  return decimal(value, 0);
}

/** A number with separators. @param {number | null | undefined} value @param {number} digits After the point, at most. */
export function decimal(value, digits) {
  if (value == null || !Number.isFinite(value)) return NONE;
  const key = String(digits);
  let format = numbers.get(key);
  if (!format) numbers.set(key, (format = new Intl.NumberFormat("en", { maximumFractionDigits: digits })));
  return format.format(value);
}

/** A short number for axes: 1.2k, 34M. @param {number} value */
export function short(value) {
  let format = numbers.get("short");
  if (!format) numbers.set("short", (format = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 })));
  return format.format(value);
}

/** "1 device", "64 devices". @param {number | null | undefined} value @param {string} one @param {string} [many] */
export function amount(value, one = "device", many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** GPU hours. @param {number | null | undefined} value */
export function gpuHours(value) {
  return value == null ? NONE : `${decimal(value, Math.abs(value) < 10 ? 1 : 0)} GPU h`;
}

/** A share, from parts per million. @param {number | null | undefined} ppm */
export function percent(ppm) {
  return ppm == null ? NONE : `${decimal(ppm / 10_000, 1)} %`;
}

/** A duration in its two largest units: "3 d 4 h", "12 min", "8 s". @param {number | null | undefined} ms @returns {string} */
export function duration(ms) {
  if (ms == null || !Number.isFinite(ms)) return NONE;
  if (ms < 0) return `−${duration(-ms)}`;
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`;
  if (ms < MINUTE_MS) return `${decimal(ms / SECOND_MS, ms < 10 * SECOND_MS ? 1 : 0)} s`;
  if (ms < HOUR_MS) return two(ms, MINUTE_MS, "min", SECOND_MS, "s");
  if (ms < DAY_MS) return two(ms, HOUR_MS, "h", MINUTE_MS, "min");
  return two(ms, DAY_MS, "d", HOUR_MS, "h");
}

/** @param {number} ms @param {number} large @param {string} name @param {number} small @param {string} rest */
function two(ms, large, name, small, rest) {
  const whole = Math.floor(ms / large);
  const left = Math.floor((ms - whole * large) / small);
  return left && whole < 10 ? `${whole} ${name} ${left} ${rest}` : `${whole} ${name}`;
}

/** @param {Intl.DateTimeFormatOptions} options */
function dateFormat(options) {
  const key = tz.value + JSON.stringify(options);
  let format = dates.get(key);
  if (!format) dates.set(key, (format = new Intl.DateTimeFormat("en-GB", { timeZone: tz.value, hourCycle: "h23", ...options })));
  return format;
}

/** A moment: "3 Mar 2026, 14:05". @param {number | null | undefined} ms */
export function instant(ms) {
  return ms == null ? NONE : dateFormat({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }).format(ms);
}

/** A day: "3 Mar 2026". @param {number | null | undefined} ms */
export function day(ms) {
  return ms == null ? NONE : dateFormat({ day: "numeric", month: "short", year: "numeric" }).format(ms);
}

/** A time of day: "14:05:09". @param {number | null | undefined} ms */
export function clock(ms) {
  return ms == null ? NONE : dateFormat({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);
}

/** How long ago, in words. @param {number} ms @param {number} nowMs */
export function ago(ms, nowMs) {
  return `${duration(Math.max(0, nowMs - ms))} ago`;
}

/** A moment for machines, as CSV has it. @param {number} ms */
export function iso(ms) {
  return new Date(ms).toISOString();
}

/** The time zone's offset at a moment: "UTC+2". @param {number} ms */
export function zoneOffset(ms) {
  const parts = dateFormat({ timeZoneName: "shortOffset", hour: "numeric" }).formatToParts(ms);
  return (parts.find((part) => part.type === "timeZoneName")?.value ?? "UTC").replace("GMT", "UTC").replace(/\+0$/, "");
}
