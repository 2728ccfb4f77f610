/**
 * All state of the page, which is its address: what is looked at can be sent to somebody else. Signals follow the address, and
 * `go` changes it; nothing else does.
 */
import { computed, signal } from "@preact/signals";

/** @typedef {"now" | "teams" | "team" | "timeline" | "job" | "promises" | "charter" | "outlook"} ScreenName */
/** Where no screen is, `rest` is the whole path. @typedef {{screen: ScreenName | null, rest: string, query: Record<string, string>}} Place */
/**
 * What `go` and `href` change: a screen with what it is of (`rest`), and entries of the query; null takes one out.
 * @typedef {{screen?: ScreenName, rest?: string} & Record<string, string | number | null | undefined>} Change
 */

/** Entries of the query that go along from screen to screen. */
const KEPT = ["run", "at", "tz", "theme", "pool", "range", "play", "speed"];
const WRITES_EVERY_MS = 300; // browsers refuse more than about six changes of the address in a second

/** @type {Record<ScreenName, {path: string, takesRest: boolean}>} */
const PATHS = {
  now: { path: "/", takesRest: false },
  teams: { path: "/teams", takesRest: false },
  team: { path: "/teams/", takesRest: true },
  timeline: { path: "/timeline", takesRest: false },
  job: { path: "/jobs/", takesRest: true },
  promises: { path: "/promises", takesRest: true },
  charter: { path: "/charter", takesRest: false },
  outlook: { path: "/outlook", takesRest: false },
};

/** Read a place from an address. @param {{pathname: string, search: string}} address @returns {Place} */
export function placeOf(address) {
  const query = Object.fromEntries(new URLSearchParams(address.search));
  const path = address.pathname;
  const [head, ...tail] = path.split("/").slice(1);
  let rest = tail.map(decoded).join("/");
  /** @type {ScreenName | null} */
  let screen = null;
  if (path === "/") screen = "now";
  else if (head === "teams") screen = rest ? "team" : "teams";
  else if (head === "jobs" && rest) screen = "job";
  else if (head === "promises") screen = "promises";
  else if ((head === "timeline" || head === "charter" || head === "outlook") && !rest) screen = head;
  if (screen === null) rest = path;
  return { screen, rest, query };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Write a place as an address. @param {Place} place */
export function addressOf({ screen, rest, query }) {
  const asked = new URLSearchParams(Object.entries(query).sort(([a], [b]) => (a < b ? -1 : 1))).toString();
  return (screen === null ? rest : pathOf(screen, rest)) + (asked ? `?${asked}` : "");
}

/** @param {ScreenName} screen @param {string} rest */
function pathOf(screen, rest) {
  const { path, takesRest } = PATHS[screen];
  const tail = takesRest && rest ? rest.split("/").map(encodeURIComponent).join("/") : "";
  return path + (tail && !path.endsWith("/") ? "/" : "") + tail;
}

/** Where the reader is. */
export const place = signal(placeOf(location));
export const screen = computed(() => place.value.screen);
export const rest = computed(() => place.value.rest);

/** An entry of the query, or null. Signals are kept: the same name gives the same one. @param {string} name */
export function param(name) {
  let one = params.get(name);
  if (!one) {
    one = computed(() => place.value.query[name] ?? null);
    params.set(name, one);
  }
  return one;
}
/** @type {Map<string, import("@preact/signals").ReadonlySignal<string | null>>} */
const params = new Map();

/** The history that is read: `live`, or one of a film's or report's. Null where the address names none: the server's first. */
export const run = param("run");
/** The moment that is looked at, in Unix ms; null is now, or a recorded run's end. */
export const at = computed(() => number(param("at").value));
/** The team that is looked at: of the path on its own screen, else of the query. */
export const team = computed(() => (screen.value === "team" ? rest.value : param("team").value));
export const pool = param("pool");
/** `light`, `dark`, or null: as the system has it. */
export const theme = computed(() => oneOf(param("theme").value, ["light", "dark"]));
/** The time zone in which times are shown: an IANA name; the browser's where none is named or the name is none. */
export const tz = computed(() => zone(param("tz").value) ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
/** The span that is looked at, `[from_ms, to_ms]`, or null: everything. */
export const range = computed(() => {
  const parts = (param("range").value ?? "").split("-").map(number);
  const [from, to] = parts;
  return parts.length === 2 && from != null && to != null && from < to ? /** @type {[number, number]} */ ([from, to]) : null;
});

/** @param {string | null | undefined} text */
function number(text) {
  return text && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** @param {string | null} text @param {string[]} allowed */
function oneOf(text, allowed) {
  return text !== null && allowed.includes(text) ? text : null;
}

/** @param {string | null} name */
function zone(name) {
  try {
    return name && new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return null;
  }
}

/**
 * Where a change leads. Naming a screen drops what belonged to the last one and keeps run, moment, zone, theme, pool and span.
 * @param {Change} change @returns {Place}
 */
function changed({ screen: named, rest: of, ...entries }) {
  const before = place.value;
  const kept = named === undefined ? before.query : Object.fromEntries(KEPT.flatMap((name) => (name in before.query ? [[name, before.query[name]]] : [])));
  const query = { ...kept };
  for (const [name, value] of Object.entries(entries)) {
    if (value === null || value === undefined || value === "") delete query[name];
    else query[name] = String(value);
  }
  return { screen: named ?? before.screen, rest: named === undefined ? (of ?? before.rest) : (of ?? ""), query };
}

/** The address of a change, for a link. @param {Change} change */
export function href(change) {
  return addressOf(changed(change));
}

/**
 * Go somewhere. A new screen is a new entry of the browser's history; a changed query replaces the entry, unless `push` is set.
 * @param {Change} change @param {{push?: boolean}} [how]
 */
export function go(change, { push = change.screen !== undefined || change.rest !== undefined } = {}) {
  const next = changed(change);
  if (addressOf(next) === addressOf(place.value)) return;
  place.value = next;
  if (push) {
    flush();
    history.pushState(null, "", addressOf(next));
    scrollTo(0, 0);
  } else {
    later ??= setTimeout(flush, Math.max(0, wroteMs + WRITES_EVERY_MS - performance.now()));
  }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let later;
let wroteMs = -Infinity;

function flush() {
  if (later === undefined) return;
  clearTimeout(later);
  later = undefined;
  wroteMs = performance.now();
  try {
    history.replaceState(null, "", addressOf(place.value));
  } catch {
    // A page that has no address of its own, as a report that is opened as a file in some browsers: its state lasts as long as it is open.
  }
}

addEventListener("popstate", () => {
  clearTimeout(later);
  later = undefined;
  place.value = placeOf(location);
});
addEventListener("pagehide", flush);
// Links of the app change the address without a page load; others, and clicks for a new tab, stay the browser's.
document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.hash && link.pathname === location.pathname) return;
  const to = placeOf(link);
  if (to.screen === null) return;
  event.preventDefault();
  go({ ...Object.fromEntries(Object.keys(place.value.query).map((name) => [name, null])), ...to.query, screen: to.screen, rest: to.rest });
});
