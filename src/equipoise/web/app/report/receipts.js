/** The receipts that a report holds, checked in the reader's browser against a key that the reader brings. Nothing is fetched. */
import { useEffect, useState } from "preact/hooks";
import { html } from "htm/preact";
import { flipped, outcomeOf, Result } from "../promises/outcome.js";
import { Trust, useTrust } from "../promises/trust.js";
import { count } from "../units.js";
import { Fault } from "../verify/fault.js";
import { readTrust } from "../verify/policy.js";

/** @typedef {import("../promises/outcome.js").Outcome} Outcome */
/** @typedef {import("../promises/outcome.js").File_ & {words: string}} Held */

/** Those that stand in a part of the page as links that hold them. @param {Element} within @returns {Held[]} */
export function receiptsOf(within) {
  const links = /** @type {NodeListOf<HTMLAnchorElement>} */ (within.querySelectorAll('a.file[href^="data:application/json;base64,"]'));
  return [...links].map((link) => ({
    name: link.download,
    words: link.textContent ?? link.download,
    data: Uint8Array.from(atob(link.href.slice(link.href.indexOf(",") + 1)), (letter) => letter.charCodeAt(0)),
  }));
}

/** @param {{files: Held[]}} props */
export function CheckReceipts({ files }) {
  const [trust, setTrust] = useTrust();
  const [fault, setFault] = useState(/** @type {Fault | null} */ (null));
  const [outcomes, setOutcomes] = useState(/** @type {Outcome[]} */ ([]));
  useEffect(() => {
    let isMine = true;
    setFault(null);
    setOutcomes([]);
    if (trust.trim()) void checked(files, trust, (found) => isMine && (setOutcomes(found), true)).catch((error) => isMine && setFault(asFault(error)));
    return () => void (isMine = false);
  }, [files, trust]);
  return html`<section class="verify" aria-labelledby="verify-title">
    <h3 id="verify-title">Check these receipts here</h3>
    <p class="soft">They do not leave this computer: your browser checks signatures and proofs, and judges each window again by its closes, as <code>equipoise verify</code> does. Where you do not trust this page to check itself, take a receipt along.</p>
    <${Trust} trust=${trust} onTrust=${setTrust} />
    <div aria-live="polite">
      ${fault && html`<${Result} outcome=${{ kind: "fails", fault, where: null }} />`}
      ${outcomes.length > 0 && html`<p class="told">${summary(files.length, outcomes)}</p>`}
    </div>
    ${outcomes.map((outcome, n) => html`<${Receipt} key=${files[n].name} file=${files[n]} trust=${trust} outcome=${outcome} />`)}
  </section>`;
}

/** Checks one after the other; the page can be used meanwhile. @param {Held[]} files @param {string} trust @param {(found: Outcome[]) => boolean} tell False: nobody listens any more. */
async function checked(files, trust, tell) {
  await readTrust(trust);
  /** @type {Outcome[]} */
  let found = [];
  for (const file of files) {
    found = [...found, await outcomeOf(file.data, trust)];
    if (!tell(found)) return;
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** @param {unknown} error */
function asFault(error) {
  if (error instanceof Fault) return error;
  throw error;
}

/** @param {number} all @param {Outcome[]} outcomes */
function summary(all, outcomes) {
  if (outcomes.length < all) return `${count(outcomes.length)} of ${count(all)} receipts are checked.`;
  const bad = outcomes.filter(({ kind }) => kind === "fails").length;
  if (bad) return `${count(bad)} of ${count(all)} receipts ${bad === 1 ? "does" : "do"} not hold.`;
  return all === 1 ? "The receipt holds." : `All ${count(all)} receipts hold.`;
}

/** @param {{file: Held, trust: string, outcome: Outcome}} props */
function Receipt({ file, trust, outcome }) {
  const [copy, setCopy] = useState(/** @type {import("../promises/outcome.js").File_ | null} */ (null));
  const [ofCopy, setOfCopy] = useState(/** @type {Outcome | null} */ (null));
  useEffect(() => {
    let isMine = true;
    setOfCopy(null);
    if (copy) void outcomeOf(copy.data, trust).then((found) => isMine && setOfCopy(found));
    return () => void (isMine = false);
  }, [copy, trust]);
  const holds = outcome.kind === "holds";
  const said = outcome.kind === "holds" ? `${outcome.found.judgement.verdict.answer}; the receipt holds` : "the receipt does not hold";
  return html`<details class="receipt"><summary><span class=${holds ? "good" : "bad"}>${holds ? "✓" : "✕"}</span> ${file.words}: ${said}</summary>
    <p><b>${file.name}</b>, ${count(file.data.length)} bytes.${copy?.note ? ` ${copy.note}` : ""}</p>
    <div aria-live="polite"><${Result} outcome=${(copy && ofCopy) ?? outcome} /></div>
    ${copy
      ? html`<button type="button" onClick=${() => setCopy(null)}>Take it as it is in this page</button>`
      : holds && html`<button type="button" onClick=${() => setCopy(flipped(file))}>Change one byte, and check again</button>`}
  </details>`;
}
