/** A word of explanation behind a question mark: by pointer, focus or touch; Escape puts it away. */
import { useId, useState } from "preact/hooks";
import { html } from "htm/preact";

/** @param {{about: string, children: import("preact").ComponentChildren}} props */
export function Tip({ about, children }) {
  const [isOpen, open] = useState(false);
  const id = useId();
  return html`<span class="tip" onMouseEnter=${() => open(true)} onMouseLeave=${() => open(false)}>
    <button type="button" aria-label=${`What ${about} is`} aria-describedby=${isOpen ? id : undefined} onFocus=${() => open(true)} onBlur=${() => open(false)} onClick=${() => open(true)}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && open(false)}>?</button>
    ${isOpen && html`<span role="tooltip" id=${id}>${children}</span>`}
  </span>`;
}
