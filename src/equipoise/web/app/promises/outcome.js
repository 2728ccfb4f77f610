/** What became of a receipt that was checked: the verdict in words, or what does not hold and where; and a receipt with one byte another. */
import { html } from "htm/preact";
import { canVerify } from "../verify/curve.js";
import { Fault } from "../verify/fault.js";
import { bytesOf } from "../verify/json.js";
import { readTrust } from "../verify/policy.js";
import { verifyReceipt } from "../verify/receipt.js";
import { whereOf } from "../verify/where.js";
import { lacksWitnesses, notShown, told } from "../verify/words.js";
import { count } from "../units.js";

/** @typedef {{kind: "holds", found: import("../verify/receipt.js").Checked} | {kind: "fails", fault: Fault, where: import("../verify/where.js").Where | null}} Outcome */
/** @typedef {{name: string, data: Uint8Array, note?: string}} File_ */

/** @param {Uint8Array} data @param {string} trust @returns {Promise<Outcome>} */
export async function outcomeOf(data, trust) {
  try {
    if (!(await canVerify())) throw new Fault("V111", "this browser cannot check signatures of Ed25519 here", "open the page over https or from this computer, in a newer browser; or use `equipoise verify`");
    return { kind: "holds", found: await verifyReceipt(data, await readTrust(trust)) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { kind: "fails", fault: error, where: whereOf(data, error) };
  }
}

/** @param {{outcome: Outcome}} props */
export function Result({ outcome }) {
  if (outcome.kind === "fails") {
    const { fault, where } = outcome;
    return html`<div class="result fails" role="alert">
      <h3><span aria-hidden="true">✕</span> It does not hold: ${fault.sentence}.</h3>
      ${where && html`<p>Line ${count(where.line)}, column ${count(where.column)}: ${where.what}.</p>`}
      <p class="soft">${fault.hint && `${fault.hint.slice(0, 1).toUpperCase()}${fault.hint.slice(1)}. `}Code <code>${fault.code}</code></p>
    </div>`;
  }
  const { found } = outcome;
  const [answer, ...lines] = told(found);
  const verdict = found.judgement.verdict.answer;
  return html`<div class=${`result holds ${lacksWitnesses(found) || verdict === "broken" ? "grave" : ""}`}>
    <h3><span aria-hidden="true">✓</span> It holds. ${answer}</h3>
    <ul class="plain">${lines.map((line) => html`<li key=${line} class=${line.startsWith("note: ") ? "warned" : ""}>${line}</li>`)}</ul>
    <details><summary>The ${count(found.receipt.included.length)} entries that it rests on, of ${count(Number(found.witnessed.checkpoint.size))}</summary>
      <ul class="plain entries">${found.receipt.included.map(({ index, entry, hashes }) => html`<li key=${String(index)}>entry ${count(Number(index))}: <b>${/"kind":"([a-z_]+)"/.exec(entry)?.[1]}</b>, ${count(bytesOf(entry).length)} bytes, proved by ${count(hashes.length)} hashes</li>`)}</ul></details>
    <details open><summary>What this does not show</summary><ul>${notShown(found).map((line) => html`<li key=${line}>${line}</li>`)}</ul></details>
  </div>`;
}

/** The same file with one digit of an entry another. @param {File_} file @returns {File_} */
export function flipped({ name, data }) {
  const text = new TextDecoder().decode(data);
  const near = text.indexOf('"delivered\\":');
  let at = Math.max(0, near < 0 ? Math.floor(data.length / 2) : bytesOf(text.slice(0, near)).length + 12);
  while (at < data.length && !(data[at] >= 0x30 && data[at] <= 0x38)) at++;
  const made = data.slice();
  made[at] += 1;
  return { name, data: made, note: `Byte ${count(at)} was ${String.fromCharCode(data[at])} and is now ${String.fromCharCode(made[at])}.` };
}
