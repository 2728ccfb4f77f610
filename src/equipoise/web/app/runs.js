/** Which run is looked at: the one that the address names, else the server's first; a server of a lab that has no record yet shows what stands now. */
import { at, run } from "./state.js";
import { useServer } from "./server.js";

/**
 * What `/runs` says of one.
 * @typedef {{run: string, title: string, policy: string, lab: string, live: boolean, number: number, from_ms: number, to_ms: number, has_calendar: boolean,
 *   timezone: string, jobs: number, pools: {pool: string, gpus: number, device: string}[]}} Run
 */
/**
 * @typedef {{of: import("./server.js").Shown<{items: Run[]}>, all: Run[], name: string, known: Run | null, isNow: boolean}} Chosen
 *   `name` is what addresses of the server have, empty until it is known; `known` is null for a lab without a record; `isNow`: this second is looked at, and goes on.
 */

/** @returns {Chosen} */
export function useRun() {
  const of = useServer("/runs", { isLive: (run.value ?? "live") === "live" });
  const all = /** @type {Run[]} */ (of.data?.items ?? []);
  const known = (run.value === null ? all[0] : all.find((one) => one.run === run.value)) ?? null;
  const name = run.value ?? known?.run ?? (of.data ? "live" : "");
  return { of, all, name, known, isNow: at.value === null && (known ? known.live : name === "live") };
}

/** The path of a part of a run, or null while the run is not known. @param {Chosen} chosen @param {string} path */
export function ofRun(chosen, path) {
  return chosen.name ? `/runs/${encodeURIComponent(chosen.name)}${path}` : null;
}
