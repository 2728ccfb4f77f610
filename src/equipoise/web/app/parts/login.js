/** Asks for a token where the server wants one; what is on the screen stays under it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "htm/preact";
import { asksForToken, token, useToken } from "../server.js";

export function Login() {
  const problem = asksForToken.value;
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [text, setText] = useState("");
  useEffect(() => {
    if (problem) field.current?.focus();
  }, [problem !== null]);
  if (!problem) return null;
  const had = token.value !== "";
  /** @param {Event} event */
  function enter(event) {
    event.preventDefault();
    setText("");
    useToken(text);
  }
  return html`<section class="login" aria-labelledby="login-title">
    <h2 id="login-title">${had ? "Your token is not taken any more." : "This lab wants to know who asks."}</h2>
    <p>${had ? html`The server says: ${problem.sentence}. ` : ""}Paste a token. Whoever runs the lab makes one: <code>equipoise token new NAME <span class="whole">--role viewer</span></code></p>
    <form onSubmit=${enter}>
      <label>Token <input ref=${field} type="password" name="token" autocomplete="off" spellcheck=${false} placeholder="eq_…" value=${text} onInput=${(/** @type {InputEvent} */ event) => setText(/** @type {HTMLInputElement} */ (event.currentTarget).value)} /></label>
      <button type="submit" class="primary" disabled=${!text.trim()}>Enter</button>
    </form>
    <p class="soft">It stays in this tab until you close it, and goes to this server only.</p>
  </section>`;
}
