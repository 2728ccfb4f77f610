/** Where times are written below a picture: at round times of the zone that is looked at. */
import { tz } from "../state.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const STEPS_MS = [
  1000, 5000, 15_000, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, DAY_MS, 2 * DAY_MS,
  7 * DAY_MS, 14 * DAY_MS, 28 * DAY_MS, 91 * DAY_MS, 364 * DAY_MS,
];

/** @param {number} from_ms @param {number} to_ms @param {number} most How many there is room for. @returns {{at_ms: number, text: string}[]} */
export function ticks(from_ms, to_ms, most) {
  const step_ms = STEPS_MS.find((one) => (to_ms - from_ms) / one <= most) ?? STEPS_MS[STEPS_MS.length - 1];
  const shift_ms = offset(from_ms);
  const found = [];
  for (let at = Math.ceil((from_ms + shift_ms) / step_ms) * step_ms; at - shift_ms <= to_ms; at += step_ms) {
    const at_ms = at - shift_ms + (step_ms >= HOUR_MS ? shift_ms - offset(at - shift_ms) : 0); // across a change of the clocks
    found.push({ at_ms, text: text(at_ms, step_ms) });
  }
  return found.filter((one) => one.at_ms >= from_ms && one.at_ms <= to_ms);
}

/** By how much the zone's clocks are ahead of UTC. @param {number} at_ms */
function offset(at_ms) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: tz.peek(), hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(at_ms);
  const of = Object.fromEntries(parts.map((part) => [part.type, Number(part.value)]));
  return Date.UTC(of.year, of.month - 1, of.day, of.hour, of.minute, of.second) - Math.floor(at_ms / 1000) * 1000;
}

/** @param {number} at_ms @param {number} step_ms */
function text(at_ms, step_ms) {
  const zone = { timeZone: tz.peek(), hourCycle: /** @type {const} */ ("h23") };
  const seconds = step_ms < MINUTE_MS ? { second: /** @type {const} */ ("2-digit") } : {};
  const time = new Intl.DateTimeFormat("en-GB", { ...zone, hour: "2-digit", minute: "2-digit", ...seconds }).format(at_ms);
  if (step_ms < DAY_MS && !time.startsWith("00:00")) return time;
  return new Intl.DateTimeFormat("en-GB", { ...zone, day: "numeric", month: "short" }).format(at_ms);
}
