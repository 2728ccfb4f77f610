/** Who must sign, who has, and who still can. */
import { html } from "htm/preact";
import { count, duration, instant } from "../units.js";

/** @param {{tallies: import("./shapes.js").Tally[], notice_ms?: number | null, force_ms?: number | null, not_before_ms?: number | null}} props */
export function Signers({ tallies, notice_ms, force_ms, not_before_ms }) {
  if (!tallies.length) return html`<p>Nobody has to sign it: the charter in force names no boards, so whoever can enter an amendment may change it, and receipts say so.</p>`;
  return html`<ul class="needs">${tallies.map((one) => html`<li key=${`${one.board} ${one.by}`}>
      <b class=${one.missing ? "bad" : "good"}><span aria-hidden="true">${one.missing ? "✕" : "✓"}</span> ${one.board}</b>: ${count(one.signed.length)} of ${count(one.quorum)} have signed${one.signed.length ? ` (${one.signed.join(", ")})` : ""}${one.by === "new" ? ", by the new charter" : ""}.
      ${one.missing > 0 && ` ${count(one.missing)} more of ${one.members.filter((name) => !one.signed.includes(name)).join(", ")}.`}
      ${one.why.length > 0 && html`<br /><span class="soft">${one.why.slice(0, 3).join("; ")}${one.why.length > 3 ? ` and ${count(one.why.length - 3)} more` : ""}</span>`}</li>`)}</ul>
    <p class="soft">${force_ms ? `It takes force on ${instant(force_ms)}.` : `It takes force ${notice_ms ? `${duration(notice_ms)} after` : "with"} the last needed signature${not_before_ms ? `, not before ${instant(not_before_ms)}` : ""}.`}</p>`;
}
