/** What the server says of charters and of plans. */

/** @typedef {{mark: string, title: string, sentences: string[]}} Entry */
/** @typedef {{board: string, by: string, quorum: number, members: string[], signed: string[], missing: number, why: string[]}} Tally */
/** @typedef {{line: number, column: number, code: string, severity: "error" | "warning", message: string, hint: string}} Finding */
/**
 * @typedef {{before: {revision: number, digest: string} | null, after: {revision: number, digest: string}, order: string | null, summary: string,
 *   sentences: string[], affected: string[], signatures?: Tally[], notice_ms?: number, not_before_ms?: number | null, more?: Record<string, number>,
 *   effect?: {kind: string, name: string, outcome: string}[]}} Plan
 */
/** @typedef {{findings: Finding[], plan: Plan | null, replay: string | null}} Planned */
/** @typedef {{team: string} & Record<string, [number | null, number | null]>} EffectRow */
/**
 * @typedef {{replay: string, state: "running" | "failed" | "done", fault: {code: string, sentence: string, hint: string} | null,
 *   result: {one_measure: boolean, jobs: number, from_ms: number, to_ms: number, teams: EffectRow[], promises: Record<string, Record<string, number>>[], more_teams: number} | null}} Replayed
 */
/**
 * @typedef {{stage: string, type: string, board: string, met: boolean, reason: string | null, says: string, until_ms: number | null, signed: string[], quorum: number, can_sign: string[]}} Need
 */
/**
 * @typedef {{gate: string, release: string, stage: string | null, since_ms: number | null, quota_ppm: number, falls_since_ms: number | null,
 *   next_stage: string | null, opens_ms: number | null, needs: Need[], refused: {code: string, message: string}[], stages: {stage: string, quota_ppm: number}[],
 *   services: {service: string, replicas: number | null}[]}} Gate
 */
/**
 * @typedef {{revision: number, digest: string, entered_ms: number, summary: string, changes: Entry[], signatures: Tally[], notice_ms: number, force_ms: number | null, text: string | null}} Pending
 */
/**
 * @typedef {{run: string, at_ms: number, sentence: string, lab: string, revision: number, digest: string, parent: string | null, timezone: string,
 *   effective_ms: number | null, since_ms: number, how: string, text: string | null, text_characters: number | null, parent_text: string | null,
 *   changes: Entry[], summary: string | null, pools: {pool: string, device: string, nodes: number, gpus: number, heh: number}[],
 *   teams: {columns: string[], rows: any[][], next: number | null}, rules: {title: string, sentences: string[]}[],
 *   boards: {board: string, quorum: number, members: string[]}[], signed: {board: string, member: string}[], signatures_asked: boolean,
 *   pending: Pending | null, history: {revision: number, digest: string, at_ms: number, how: string, has_text: boolean, signed: string[]}[], gates: Gate[]}} Document
 */
export {};
