/**
 * What the page asks of the server. `useServer` is what screens call: it gives the latest answer, keeps it on the screen while the
 * next one is awaited or the server is gone, and says so. Answers are values; nothing here throws for what a server may say.
 */
import { effect, signal, untracked } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

const BASE = "/api/v1";
const TOKEN = "equipoise-token";
const CACHED = 200;
const WAITS_S = [1, 2, 4, 8, 15, 30];
const PATIENCE_MS = 30_000;
const BEAT_MS = 1000;

/** What a server refused, as it says it. @typedef {{kind: "problem", status: number, code: string, sentence: string, hint: string}} Problem */
/** No answer at all. @typedef {{kind: "gone", sentence: string, hint: string}} Gone */
/** @template T @typedef {{kind: "ok", data: T}} Ok */
/** @template T @typedef {Ok<T> | Problem | Gone} Answer */
/**
 * What a screen shows: `data` is the latest there was; `problem` says what is wrong now; `staleSince_ms` since when `data` is old.
 * @template T @typedef {{data: T | null, problem: Problem | Gone | null, isLoading: boolean, staleSince_ms: number | null}} Shown
 */

/** The token that calls carry; it lives as long as the tab. */
export const token = signal(sessionStorage.getItem(TOKEN) ?? "");
/** Why a token is asked for, or null. @type {import("@preact/signals").Signal<Problem | null>} */
export const asksForToken = signal(null);
/** Since when the server does not answer, and when it is asked again; null while it does. @type {import("@preact/signals").Signal<{since_ms: number, next_ms: number} | null>} */
export const gone = signal(null);
/** Goes up when something may have changed on the server, once a second at most. */
export const beat = signal(0);
/** Goes up when everything is to be asked (or loaded) again: another token, the server is back. */
export const epoch = signal(0);

/** Use a token from now on; an empty one forgets it. @param {string} text */
export function useToken(text) {
  const clean = text.trim();
  if (clean) sessionStorage.setItem(TOKEN, clean);
  else sessionStorage.removeItem(TOKEN);
  cache.clear();
  token.value = clean;
  asksForToken.value = null;
  epoch.value++;
}

/** @type {Map<string, {etag: string, data: any}>} */
const cache = new Map();

/**
 * Ask once. @template T
 * @param {string} path After /api/v1.
 * @param {{query?: Record<string, string | number | null | undefined>, method?: string, body?: unknown, key?: string, stop?: AbortSignal}} [how]
 * @returns {Promise<Answer<T>>} Never rejects but for `stop`.
 */
export async function ask(path, { query = {}, method = "GET", body, key, stop } = {}) {
  const address = addressOf(path, query);
  const kept = method === "GET" ? cache.get(address) : undefined;
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (token.peek()) headers.Authorization = `Bearer ${token.peek()}`;
  if (kept) headers["If-None-Match"] = kept.etag;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const signals = [AbortSignal.timeout(PATIENCE_MS), ...(stop ? [stop] : [])];
  let response;
  let data;
  try {
    response = await fetch(address, {
      method, headers, cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.any(signals), body: body === undefined ? undefined : JSON.stringify(body),
    });
    data = response.status === 304 ? null : await response.json().catch(() => null);
  } catch (error) {
    if (stop?.aborted) throw error;
    return left();
  }
  back();
  if (response.status === 304 && kept) return { kind: "ok", data: kept.data };
  if (!response.ok) return refused(response.status, data);
  remember(address, response.headers.get("etag"), data);
  return { kind: "ok", data };
}

/** @param {string} path @param {Record<string, string | number | null | undefined>} query */
function addressOf(path, query) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== null && value !== undefined && value !== "") asked.set(name, String(value));
  const text = asked.toString();
  return BASE + path + (text ? `?${text}` : "");
}

/** @param {string} address @param {string | null} etag @param {any} data */
function remember(address, etag, data) {
  if (!etag) return;
  cache.delete(address);
  cache.set(address, { etag, data });
  if (cache.size > CACHED) cache.delete(/** @type {string} */ (cache.keys().next().value));
}

/** @param {number} status @param {any} told @returns {Problem} */
function refused(status, told) {
  /** @type {Problem} */
  const problem = {
    kind: "problem",
    status,
    code: String(told?.code ?? ""),
    sentence: String(told?.title ?? `The server answered with status ${status}.`),
    hint: String(told?.hint ?? ""),
  };
  if (status === 401) asksForToken.value = problem;
  return problem;
}

let tries = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let again;

/** The server did not answer: remember since when, and ask again later. @returns {Gone} */
function left() {
  if (again === undefined) {
    const wait_ms = WAITS_S[Math.min(tries++, WAITS_S.length - 1)] * 1000 * (0.8 + 0.4 * Math.random());
    gone.value = { since_ms: gone.peek()?.since_ms ?? Date.now(), next_ms: Date.now() + wait_ms };
    again = setTimeout(tryNow, wait_ms);
  }
  return { kind: "gone", sentence: "The server does not answer.", hint: "It is asked again by itself; `equipoise serve` starts it." };
}

/** Ask everything again at once. */
export function tryNow() {
  clearTimeout(again);
  again = undefined;
  epoch.value++;
}

function back() {
  if (!gone.peek() && !tries) return;
  clearTimeout(again);
  again = undefined;
  tries = 0;
  gone.value = null;
  epoch.value++; // what failed meanwhile
}

/**
 * The latest answer for a path, in a component. @template T
 * @param {string | null} path After /api/v1; null asks nothing yet.
 * @param {{query?: Record<string, string | number | null | undefined>, isLive?: boolean}} [how] `isLive`: ask again when something changed.
 * @returns {Shown<T>}
 */
export function useServer(path, { query = {}, isLive = false } = {}) {
  const loader = useMemo(() => new Loader(path), [path]);
  useEffect(() => loader.want(query), [loader, addressOf(path ?? "", query)]);
  useEffect(() => loader.follow(isLive), [loader, isLive]);
  return loader.shown.value;
}

/** Asks for one path, one call at a time: while a call is under way the newest wish waits for its answer. */
class Loader {
  /** @param {string | null} path */
  constructor(path) {
    this.path = path;
    this.shown = signal(/** @type {Shown<any>} */ ({ data: null, problem: null, isLoading: path !== null, staleSince_ms: null }));
    /** @type {Record<string, string | number | null | undefined> | null} */
    this.query = null;
    /** @type {AbortController | null} */
    this.call = null;
    this.isDue = false;
  }

  /** @param {Record<string, string | number | null | undefined>} query */
  want(query) {
    this.query = query;
    void this.load();
  }

  /** @param {boolean} isLive @returns {() => void} Stops. */
  follow(isLive) {
    let isFirst = true;
    let seen = epoch.peek();
    const end = effect(() => {
      const now = epoch.value;
      if (isLive) void beat.value;
      if (isFirst) isFirst = false;
      else untracked(() => void this.load(now !== seen));
      seen = now;
    });
    return () => {
      end();
      this.call?.abort();
      this.call = null;
    };
  }

  /** @param {boolean} [isOver] Whether a call under way is of no use any more. */
  async load(isOver = false) {
    if (this.path === null || this.query === null) return;
    if (this.call && !isOver) {
      this.isDue = true;
      return;
    }
    this.call?.abort();
    const mine = (this.call = new AbortController());
    this.isDue = false;
    this.shown.value = { ...this.shown.peek(), isLoading: true };
    const answer = await ask(this.path, { query: this.query, stop: mine.signal }).catch(() => null);
    if (answer === null || mine.signal.aborted) return; // another call took its place
    this.call = null;
    this.shown.value = next(this.shown.peek(), answer);
    if (this.isDue) void this.load();
  }
}

/** @template T @param {Shown<T>} before @param {Answer<T>} answer @returns {Shown<T>} */
function next(before, answer) {
  if (answer.kind === "ok") return { data: answer.data, problem: null, isLoading: false, staleSince_ms: null };
  return { data: before.data, problem: answer, isLoading: false, staleSince_ms: before.data === null ? null : (before.staleSince_ms ?? Date.now()) };
}

/**
 * Follow the server's events until stopped; `beat` goes up with them. Events come over `fetch`, since EventSource sends no token.
 * @param {(event: {id: string, name: string, data: string}) => void} [tell] @returns {() => void} Stops.
 */
export function follow(tell) {
  const stop = new AbortController();
  void (async () => {
    for (let tried = 0; !stop.signal.aborted; tried++) {
      const outcome = await read(stop.signal, tell, () => (tried = 0)).catch(() => "lost");
      if (outcome === "refused" || stop.signal.aborted) return; // no such route, or no right: an answer, not an accident
      beat.value++; // what listens asks, and so learns whether the server is there
      await pause(WAITS_S[Math.min(tried, WAITS_S.length - 1)] * 1000, stop.signal);
    }
  })();
  return () => stop.abort();
}

/** @param {AbortSignal} stop @param {((event: {id: string, name: string, data: string}) => void) | undefined} tell @param {() => void} began */
async function read(stop, tell, began) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "text/event-stream" };
  if (token.peek()) headers.Authorization = `Bearer ${token.peek()}`;
  const response = await fetch(`${BASE}/events`, { headers, cache: "no-store", credentials: "omit", signal: stop });
  if (!response.ok || !response.body) return response.status === 503 || response.status === 429 ? "lost" : "refused";
  began();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return "ended";
    text += value.replaceAll("\r\n", "\n");
    const whole = text.split("\n\n");
    text = whole.pop() ?? "";
    for (const one of whole) {
      const event = eventOf(one);
      if (!event) continue;
      tell?.(event);
      pulse();
    }
  }
}

/** @param {string} block */
function eventOf(block) {
  const event = { id: "", name: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field === "id") event.id = value;
    else if (field === "event") event.name = value;
    else if (field === "data") event.data += (event.data && "\n") + value;
  }
  return event.data ? event : null;
}

let pulsed_ms = -Infinity;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let pulsing;

function pulse() {
  pulsing ??= setTimeout(() => {
    pulsing = undefined;
    pulsed_ms = performance.now();
    beat.value++;
  }, Math.max(0, pulsed_ms + BEAT_MS - performance.now()));
}

/** Wait; not longer than until everything is asked again, since the server may be back. @param {number} ms @param {AbortSignal} stop */
function pause(ms, stop) {
  return new Promise((resolve) => {
    const began = epoch.peek();
    const timer = setTimeout(finish, ms);
    const end = effect(() => {
      if (epoch.value !== began) queueMicrotask(finish);
    });
    stop.addEventListener("abort", finish, { once: true });
    function finish() {
      clearTimeout(timer);
      stop.removeEventListener("abort", finish);
      end();
      resolve(undefined);
    }
  });
}
