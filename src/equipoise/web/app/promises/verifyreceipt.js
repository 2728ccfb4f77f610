/**
 * A receipt checked in the browser: dropped anywhere on the page, picked or pasted, against a key that the reader brings. Nothing is
 * sent anywhere: the file is read here, and the modules in `verify/` do what `equipoise verify` does.
 */
import { useEffect, useState } from "preact/hooks";
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

const KEY = "equipoise-trusted-key"; // of this tab: whom the reader trusts

/** @param {{named?: {key: string, by: string}, given?: File_ | null}} props `named`: a key that the server names; `given`: a file that the page has fetched. */
export function VerifyReceipt({ named, given }) {
  const [trust, setTrust] = useState(sessionStorage.getItem(KEY) ?? "");
  const [file, setFile] = useState(/** @type {File_ | null} */ (null));
  const [outcome, setOutcome] = useState(/** @type {Outcome | null} */ (null));
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    if (given) setFile(given);
  }, [given]);
  useEffect(() => {
    let isMine = true;
    if (file && trust.trim()) void outcomeOf(file.data, trust).then((found) => isMine && setOutcome(found));
    else setOutcome(null);
    return () => void (isMine = false);
  }, [file, trust]);
  useEffect(() => onPage(setOver, take), []);
  /** @param {Blob & {name?: string}} blob */
  async function take(blob) {
    setFile({ name: blob.name ?? "what was pasted", data: new Uint8Array(await blob.arrayBuffer()) });
  }
  /** @param {string} text */
  function trusts(text) {
    sessionStorage.setItem(KEY, text);
    setTrust(text);
  }
  /** @param {ClipboardEvent} event */
  function paste(event) {
    const [blob] = event.clipboardData?.files ?? [];
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (blob) void take(blob);
    else if (text) setFile({ name: "what was pasted", data: bytesOf(text) });
    event.preventDefault();
  }
  return html`<section class="verify" aria-labelledby="verify-title">
    <h2 id="verify-title">Check a receipt here</h2>
    <p class="soft">The file does not leave this computer: your browser checks signatures and proofs, and judges the window again by its closes, as <code>equipoise verify</code> does.</p>
    <div class="two">
      <div>
        <label for="verify-key"><b>Whom do you trust?</b></label>
        <p class="soft" id="verify-key-hint">The public key of the ledger (NAME+ID+…), or a policy with its witnesses. Take it from somewhere else than the receipt.</p>
        <textarea id="verify-key" rows="3" spellcheck="false" autocomplete="off" aria-describedby="verify-key-hint" value=${trust} onInput=${(/** @type {Event} */ event) => trusts(/** @type {HTMLTextAreaElement} */ (event.currentTarget).value)}></textarea>
        ${named && html`<div class="tools"><button type="button" onClick=${() => trusts(named.key)}>Use the key that this page names</button></div>
          ${trust.trim() === named.key && html`<p class="warned">This key was named by ${named.by}, not by somebody you trust: whoever could forge the receipt could name the key too.</p>`}`}
      </div>
      <div class=${isOver ? "drop is-over" : "drop"} onPaste=${paste}>
        <label for="verify-file"><b>The receipt</b></label>
        <p class="soft">Drop it anywhere on this page, pick it, or paste its text into the field.</p>
        <input id="verify-file" type="file" accept=".json,application/json" onChange=${(/** @type {Event} */ event) => {
          const [blob] = /** @type {HTMLInputElement} */ (event.currentTarget).files ?? [];
          if (blob) void take(blob);
        }} />
        <label class="hidden" for="verify-text">The text of a receipt</label>
        <textarea id="verify-text" rows="2" placeholder="Paste it here" spellcheck="false" value="" onInput=${(/** @type {Event} */ event) => {
          const field = /** @type {HTMLTextAreaElement} */ (event.currentTarget);
          if (field.value) setFile({ name: "what was typed", data: bytesOf(field.value) });
          field.value = "";
        }}></textarea>
      </div>
    </div>
    <div aria-live="polite">
      ${file && html`<p><b>${file.name}</b>, ${count(file.data.length)} bytes.${file.note ? ` ${file.note}` : ""}${!trust.trim() ? " Say whose signature is to be trusted." : ""}</p>`}
      ${file && outcome && html`<${Result} outcome=${outcome} />`}
      ${file && outcome?.kind === "holds" && html`<div class="tools"><button type="button" onClick=${() => setFile(flipped(file))}>Change one byte, and check again</button></div>`}
    </div>
  </section>`;
}

/** @param {Uint8Array} data @param {string} trust @returns {Promise<Outcome>} */
async function outcomeOf(data, trust) {
  try {
    if (!(await canVerify())) throw new Fault("V111", "this browser cannot check signatures of Ed25519 here", "open the page over https or from this computer, in a newer browser; or use `equipoise verify`");
    return { kind: "holds", found: await verifyReceipt(data, await readTrust(trust)) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { kind: "fails", fault: error, where: whereOf(data, error) };
  }
}

/** @param {{outcome: Outcome}} props */
function Result({ outcome }) {
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
function flipped({ name, data }) {
  const text = new TextDecoder().decode(data);
  const near = text.indexOf('"delivered\\":');
  let at = Math.max(0, near < 0 ? Math.floor(data.length / 2) : bytesOf(text.slice(0, near)).length + 12);
  while (at < data.length && !(data[at] >= 0x30 && data[at] <= 0x38)) at++;
  const made = data.slice();
  made[at] += 1;
  return { name, data: made, note: `Byte ${count(at)} was ${String.fromCharCode(data[at])} and is now ${String.fromCharCode(made[at])}.` };
}

/** Take files that are dropped anywhere. @param {(isOver: boolean) => void} over @param {(file: File) => void} take @returns {() => void} */
function onPage(over, take) {
  const isFile = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  /** @param {DragEvent} event */
  const drag = (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    over(event.type !== "dragleave" || event.relatedTarget !== null);
  };
  /** @param {DragEvent} event */
  const drop = (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    over(false);
    const [file] = event.dataTransfer?.files ?? [];
    if (file) take(file);
  };
  for (const name of /** @type {const} */ (["dragenter", "dragover", "dragleave"])) document.addEventListener(name, drag);
  document.addEventListener("drop", drop);
  return () => {
    for (const name of /** @type {const} */ (["dragenter", "dragover", "dragleave"])) document.removeEventListener(name, drag);
    document.removeEventListener("drop", drop);
  };
}
