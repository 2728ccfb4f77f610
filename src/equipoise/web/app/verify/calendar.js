/** When windows begin and end by the clock on the wall of a time zone; days are counted from 1 January 1970. */
import { Fault } from "./fault.js";

const DAY_MS = 86_400_000;
const LAST_MS = 253_402_300_799_999; // the year 9999, where calendars end

/** Beyond what a calendar has. */
class Overflow extends Error {}

/** @typedef {{fromMs: number, toMs: number}} Span */

/** Whether a promise has such a window at all: whoever may choose the span can leave the bad month out. Throws V106 or V111. */
export class Calendar {
  /** @param {string} zone */
  constructor(zone) {
    try {
      if (!/^[A-Za-z]/.test(zone)) throw new RangeError("an offset is no time zone");
      this.format = new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", {
        timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
      });
    } catch {
      throw new Fault("V111", `this computer does not know the time zone '${zone}'`, "use another browser, or `equipoise verify`");
    }
  }

  /** What the wall shows, as Unix time if it were UTC. @param {number} ms */
  wall(ms) {
    if (!Number.isSafeInteger(ms) || ms > LAST_MS) throw new Overflow();
    const at = Object.fromEntries(this.format.formatToParts(ms).map((part) => [part.type, Number(part.value)]));
    if (at.year > 9999) throw new Overflow();
    return Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) + (((ms % 1000) + 1000) % 1000);
  }

  /** The first instant at which the wall shows a day or a later one. @param {number} day */
  begins(day) {
    const midnight = day * DAY_MS;
    const tried = [-1, 1].map((side) => midnight - (this.wall(midnight + side * DAY_MS) - (midnight + side * DAY_MS)));
    const right = tried.filter((ms) => this.wall(ms) === midnight);
    if (right.length) return Math.min(...right);
    let [low, high] = [Math.min(...tried), Math.max(...tried)]; // midnight was jumped over, between these
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.wall(middle) >= midnight) high = middle;
      else low = middle;
    }
    return high;
  }

  /** The latest day that has begun: where midnight comes twice, the hour between is of the new day. @param {number} ms */
  day(ms) {
    const shown = Math.floor(this.wall(ms) / DAY_MS);
    return this.begins(shown + 1) <= ms ? shown + 1 : shown;
  }

  /** @param {number} ms */
  isMidnight(ms) {
    return this.begins(this.day(ms)) === ms;
  }

  /** When the calendar window ends in which an instant lies. @param {string} calendar @param {number} ms */
  end(calendar, ms) {
    let day = following(calendar, this.day(ms));
    while (this.begins(day) <= ms) day = following(calendar, day);
    return this.begins(day);
  }
}

/** The first day after a day on which such a window begins. @param {string} calendar @param {number} day */
function following(calendar, day) {
  if (calendar === "day") return day + 1;
  const date = new Date(day * DAY_MS);
  if (calendar === "week") return day + 7 - ((date.getUTCDay() + 6) % 7);
  const months = { month: 1, quarter: 3, year: 12 }[calendar] ?? 1;
  const month = Math.floor(date.getUTCMonth() / months) * months + months;
  return Date.UTC(date.getUTCFullYear(), month, 1) / DAY_MS;
}

/**
 * Throw V106 unless a promise has this window.
 * @param {{name: string, window: import("./charter.js").Window}} promise @param {Span} span @param {string} zone @param {ReadonlySet<number>} begun
 *   Instants at which a window may begin though no calendar says so.
 */
export function checkWindow({ name, window }, span, zone, begun) {
  const calendar = new Calendar(zone);
  let holds;
  try {
    if (window.calendar === undefined) {
      holds = BigInt(span.toMs - span.fromMs) === /** @type {bigint} */ (window.rolling_days) * BigInt(DAY_MS) && calendar.isMidnight(span.toMs);
    } else {
      const opens = calendar.isMidnight(span.fromMs) && calendar.end(window.calendar, span.fromMs - 1) === span.fromMs;
      holds = calendar.end(window.calendar, span.fromMs) === span.toMs && (opens || begun.has(span.fromMs));
    }
  } catch (error) {
    if (!(error instanceof Overflow) && !(error instanceof RangeError)) throw error;
    holds = false;
  }
  if (!holds) {
    throw new Fault("V106", `'${name}' has no window from ${span.fromMs} to ${span.toMs}`, `its windows are: ${windowText(window)}, in ${zone}`);
  }
}

/** @param {import("./charter.js").Window} window */
export function windowText(window) {
  return window.calendar ?? `rolling ${window.rolling_days}d`;
}

/** An instant in UTC: `2027-01-01T00:00:00Z`; throws a RangeError beyond the year 9999. @param {number} ms @param {{exact?: boolean}} [how] With what is below a second. */
export function instantText(ms, { exact = false } = {}) {
  if (!Number.isSafeInteger(ms) || ms > LAST_MS) throw new RangeError("beyond the year 9999");
  const whole = new Date(ms).toISOString();
  const below = whole.slice(20, 23);
  return `${whole.slice(0, 19)}${exact && below !== "000" ? `.${below}000` : ""}Z`;
}
