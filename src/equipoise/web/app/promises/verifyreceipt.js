/**
 * A receipt checked in the browser: dropped anywhere on the page, picked or pasted, against a key that the reader brings. Nothing is
 * sent anywhere: the file is read here, and the modules in `verify/` do what `equipoise verify` does.
 */
import { useEffect, useState } from "preact/hooks";
import { html } from "htm/preact";
import { bytesOf } from "../verify/json.js";
import { count } from "../units.js";
import { flipped, outcomeOf, Result } from "./outcome.js";
import { Trust, useTrust } from "./trust.js";

/** @typedef {import("./outcome.js").Outcome} Outcome */
/** @typedef {import("./outcome.js").File_} File_ */

/** @param {{named?: {key: string, by: string}, given?: File_ | null}} props `named`: a key that the server names; `given`: a file that the page has fetched. */
export function VerifyReceipt({ named, given }) {
  const [trust, setTrust] = useTrust();
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
        <${Trust} trust=${trust} onTrust=${setTrust} />
        ${named && html`<div class="tools"><button type="button" onClick=${() => setTrust(named.key)}>Use the key that this page names</button></div>
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
