/** What the server says of promises. Hours are H100-equivalent. */

/** @typedef {{at_ms: number[], low_heh_h: number[], middle_heh_h: number[], high_heh_h: number[], owed_heh_h: number[], met_ppm: number}} Forecast */
/** @typedef {{at_ms: number[], owed_heh_h: number[], delivered_heh_h: number[], pace_heh_gpus?: number[], text?: string}} Course */
/**
 * @typedef {{from_ms: number, to_ms: number, verdict: string | null, lost_ms: number | null, owed_heh_h: number, delivered_heh_h: number,
 *   arrears_heh_h: number, unclaimed_heh_h: number, denied_heh_h: number, surplus_heh_h: number, grace_heh_h: number, to_make_good_heh_h: number,
 *   broken_by_heh_h: number, made_good: string | null, gaps?: [number, number][], pace_heh_gpus?: number, pace_max_heh_gpus?: number,
 *   forecast?: Forecast | null, course?: Course, jobs: number, jobs_in_time: number, jobs_late: number, jobs_open: number}} Window
 */
/**
 * @typedef {{promise: string, team: string, kind: "at_least" | "at_most" | "starts", of: string, share_ppm: number, window: string, pools: string[],
 *   public: boolean, warn_below_ppm: number, in_force: boolean, text: string[], open: Window | null, open_windows: number,
 *   tally: Record<string, number>, windows_judged: number, state: string, sentence: string}} Stood
 */
/** @typedef {Stood & {windows: [number, number, string][]}} Brief */
/**
 * @typedef {{source: "replay" | "live", says: string, origin: string | null, key: string, size: number | null, root: string | null,
 *   checkpoint: string | null, witnesses: string[]}} Evidence
 */
/**
 * @typedef {{charter: string, pools: {pool: string, heh: number}[], pools_left_out: string[], teams: string[], unused: string, make_good_ppm: number,
 *   settle_ms: number, checkpoint_every_ms: number, witnesses_asked: number, protected_by: string[]}} Counts
 */
/** @typedef {Stood & {run: string, at_ms: number, as_of_ms: number, windows: Window[], course: Course[], counts: Counts, evidence: Evidence}} Whole */

/** Of the course since the run began, what lies in a window, from nothing on. @param {Course[]} courses @param {{from_ms: number, to_ms: number}} window @returns {Course} */
export function within(courses, { from_ms, to_ms }) {
  const course = courses.find(({ at_ms }) => at_ms.length && at_ms[0] <= from_ms && at_ms[at_ms.length - 1] > from_ms) ?? courses[courses.length - 1];
  if (!course) return { at_ms: [], owed_heh_h: [], delivered_heh_h: [] };
  const first = course.at_ms.findLastIndex((at) => at <= from_ms);
  const begin = Math.max(first, 0);
  const after = course.at_ms.findIndex((at) => at > to_ms);
  const end = after < 0 ? course.at_ms.length : after;
  /** @param {number[]} values */
  const since = (values) => values.slice(begin, end).map((value) => value - values[begin]);
  return {
    at_ms: course.at_ms.slice(begin, end), owed_heh_h: since(course.owed_heh_h), delivered_heh_h: since(course.delivered_heh_h),
    pace_heh_gpus: course.pace_heh_gpus?.slice(begin, end),
  };
}
