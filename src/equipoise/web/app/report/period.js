/** The report of a period: its tables, and its receipts, which are checked where they stand. */
import "./main.js";
import { render } from "preact";
import { html } from "htm/preact";
import { CheckReceipts, receiptsOf } from "./receipts.js";

const proof = document.getElementById("proof");
const files = proof ? receiptsOf(proof) : [];
if (proof && files.length) {
  const live = document.createElement("div");
  live.className = "live";
  proof.append(live);
  render(html`<${CheckReceipts} files=${files} />`, live);
}
