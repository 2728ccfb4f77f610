/** Whom the reader trusts: a key, or a policy with its witnesses, kept in this tab where the browser keeps anything. */
import { useState } from "preact/hooks";
import { html } from "htm/preact";

const KEY = "equipoise-trusted-key";

/** @returns {[string, (text: string) => void]} What is trusted, and what changes it. */
export function useTrust() {
  const [trust, setTrust] = useState(kept);
  return [
    trust,
    (text) => {
      setTrust(text);
      try {
        sessionStorage.setItem(KEY, text);
      } catch {
        // a file, in a browser that keeps nothing for files: it is there until the page is closed
      }
    },
  ];
}

function kept() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** @param {{trust: string, onTrust: (text: string) => void}} props */
export function Trust({ trust, onTrust }) {
  return html`
    <label for="verify-key"><b>Whom do you trust?</b></label>
    <p class="soft" id="verify-key-hint">The public key of the ledger (NAME+ID+…), or a policy with its witnesses. Take it from somewhere else than the receipt.</p>
    <textarea id="verify-key" rows="3" spellcheck="false" autocomplete="off" aria-describedby="verify-key-hint" value=${trust} onInput=${(/** @type {Event} */ event) => onTrust(/** @type {HTMLTextAreaElement} */ (event.currentTarget).value)}></textarea>`;
}
