/** The years that the server tells of: as they were worked out, or played anew in a scenario with parameters moved, as the address says. */
import { useEffect, useState } from "preact/hooks";
import { ask, useServer } from "../server.js";
import { go, param } from "../state.js";
import { ofRun } from "../runs.js";

export const OWN = "lab";
const DRAWS = 1000;
const RESTS_MS = 350;
const AGAIN_MS = 400;
const POLLS_MS = 1500;

/** @typedef {{name: string, unit: string, team: string, months: number[], bands: number[][]}} Fan */
/** @typedef {{asks: number, entitled_gpu_h: number, denied_gpu_h: number, refused_gpu_h: number, judged: number, broken: number, starved: number, breach: number}} Measured */
/** @typedef {{run: string, under: string, told: string, measured: Record<string, Measured>, fans: Fan[]}} Course */
/** @typedef {{mean: number, median: number, low: number, high: number}} Band */
/** @typedef {{name: string, unit: string, kind: string, first: Band, second: Band, paired: Band, flips: number, parts: Record<string, number>}} Difference */
/** @typedef {{measure: string, unit: string, of_difference: boolean, rank: {name: string, rank: number | null, meaning: string, solidity: string}[]}} Driven */
/** @typedef {{name: string, kind: string, fact: string, said: string, rule: string, verdict: string}} Check */
/** @typedef {{name: string, meaning: string, unit: string, prior: string, solidity: string, source: string}} Parameter */
/** @typedef {Parameter & {is_usual: boolean, least: number, most: number, step: number, low: number, median: number, high: number}} Movable */
/**
 * @typedef {object} Ready
 * @property {"ready"} state
 * @property {string} scenario
 * @property {string[]} moved
 * @property {string[]} sentences
 * @property {string} watched
 * @property {number} runs
 * @property {number} months
 * @property {number} least_people
 * @property {string[]} told_of
 * @property {string[]} not_told_of
 * @property {string[]} notes
 * @property {Course[]} courses
 * @property {{course: string, against: string, rows: Difference[]}[]} differences
 * @property {(Band & {name: string, unit: string, kind: string})[]} results
 * @property {Driven[]} drivers
 * @property {Check[]} checks
 * @property {string[]} assumptions
 * @property {Parameter[]} parameters
 * @property {any[]} learned
 * @property {string} learned_from
 * @property {number | null} [at_ms]
 * @property {{code: string, title: string, hint: string} | null} [problem]
 */
/** @typedef {{state: "missing" | "early" | "running" | "failed", sentence?: string, file?: string, example?: string, least_people?: number, done_ppm?: number, problem?: {code: string, title: string, hint: string}}} NotReady */
/** @typedef {{scenarios: {name: string, title: string, told: string, is_own: boolean}[], parameters: Movable[]}} Scenarios */

/** The scenario of the address, and what is moved in it. */
export function wished() {
  const scenario = param("scenario").value ?? OWN;
  /** @type {Record<string, number>} */
  const moved = {};
  for (const one of (param("set").value ?? "").split(",")) {
    const [name, text] = one.split(":");
    if (name && text && Number.isFinite(Number(text))) moved[name] = Number(text);
  }
  return { scenario, moved };
}

/** Move a parameter, or with null let it be as it is believed to be. @param {string} name @param {number | null} value */
export function move(name, value) {
  const { moved } = wished();
  if (value === null) delete moved[name];
  else moved[name] = value;
  const text = Object.entries(moved).map(([one, of]) => `${one}:${of}`).join(",");
  go({ set: text || null });
}

/**
 * The lab's own years as they were worked out; asked for again while that goes on.
 * @param {import("../runs.js").Chosen} chosen @returns {import("../server.js").Shown<Ready | NotReady>}
 */
export function useOwnYears(chosen) {
  const [turn, next] = useState(0);
  const answer = /** @type {import("../server.js").Shown<Ready | NotReady>} */ (useServer(ofRun(chosen, "/outlook") || null, { query: { again: turn || null } }));
  const isRunning = answer.data?.state === "running";
  useEffect(() => {
    if (!isRunning) return;
    const timer = setTimeout(() => next(turn + 1), POLLS_MS);
    return () => clearTimeout(timer);
  }, [isRunning, turn]);
  return answer;
}

/**
 * @typedef {{data: Ready | null, problem: import("../server.js").Problem | import("../server.js").Gone | null, isPlaying: boolean, done_ppm: number}} Played
 */

/**
 * The years played anew; null where nothing is wished but what was worked out already. What was played last stays until the next is there.
 * @param {string | null} path @param {{scenario: string, moved: Record<string, number>}} wish @returns {Played | null}
 */
export function usePlayed(path, wish) {
  const [played, show] = useState(/** @type {Played} */ ({ data: null, problem: null, isPlaying: true, done_ppm: 0 }));
  const isOwn = wish.scenario === OWN && !Object.keys(wish.moved).length;
  const key = isOwn || !path ? null : JSON.stringify([path, wish]);
  useEffect(() => {
    if (key === null || !path) {
      show({ data: null, problem: null, isPlaying: true, done_ppm: 0 });
      return;
    }
    const stop = new AbortController();
    show((before) => ({ ...before, isPlaying: true, done_ppm: 0 }));
    const timer = setTimeout(() => void play(path, wish, stop.signal, show), RESTS_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key]);
  return key === null ? null : played;
}

/** @param {string} path @param {object} wish @param {AbortSignal} stop @param {(change: (before: Played) => Played) => void} show */
async function play(path, wish, stop, show) {
  while (!stop.aborted) {
    const answer = await /** @type {Promise<import("../server.js").Answer<Ready | NotReady>>} */ (ask(path, { method: "POST", body: { ...wish, draws: DRAWS }, stop })).catch(() => null);
    if (answer === null || stop.aborted) return;
    if (answer.kind !== "ok") return show((before) => ({ ...before, problem: answer, isPlaying: false }));
    const { data } = answer;
    if (data.state === "ready") return show(() => ({ data, problem: null, isPlaying: false, done_ppm: 1_000_000 }));
    show((before) => ({ ...before, problem: null, done_ppm: data.done_ppm ?? 0 }));
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}
