/** The line that says that the server is gone: since when, and when it is asked again. What is on the screen stays. */
import { useEffect, useState } from "preact/hooks";
import { html } from "htm/preact";
import { gone, tryNow } from "../server.js";
import { clock, duration } from "../units.js";

export function Notice() {
  const is = gone.value;
  const [, tick] = useState(0);
  useEffect(() => {
    if (!is) return;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [is]);
  if (!is) return html`<div class="notice-room" aria-live="polite"></div>`;
  const left_ms = Math.max(0, is.next_ms - Date.now());
  return html`<div class="notice-room" aria-live="polite">
    <div class="notice">
      <p>The server has not answered since ${clock(is.since_ms)}; what you see is from before.</p>
      <span class="soft" aria-hidden="true">${left_ms ? `Asked again in ${duration(Math.ceil(left_ms / 1000) * 1000)}` : "Asking …"}</span>
      <button type="button" onClick=${tryNow}>Ask now</button>
    </div>
  </div>`;
}
