import { html } from "htm/preact";
import { Empty } from "../parts/states.js";
export default function Job() {
  return html`<${Empty} title="Job" hint="Why a job waits, and when it may start." />`;
}
