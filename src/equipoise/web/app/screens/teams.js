/** Teams: every team in the tree, what it is entitled to, has, borrows and lends, and whether it starves. */
import { html } from "htm/preact";
import { useMemo } from "preact/hooks";
import { BarKey } from "../parts/bar.js";
import { Segments } from "../parts/choice.js";
import { Filmbar, RunChoice } from "../parts/filmbar.js";
import { Sentence } from "../parts/sentence.js";
import { Answered } from "../parts/states.js";
import { Tree } from "../parts/tree.js";
import { ofRun, useRun } from "../runs.js";
import { useServer } from "../server.js";
import { at, go, href, pool } from "../state.js";
import { teamsSentence } from "../teams/answer.js";
import { standingColumns } from "../teams/standing.js";
import { instant } from "../units.js";

export default function Teams() {
  const chosen = useRun();
  const shown = useServer(ofRun(chosen, "/teams"), { query: { at_ms: at.value, pool: pool.value }, isLive: chosen.isNow });
  return html`<${Answered} of=${chosen.name ? shown : chosen.of} what="the teams">${(/** @type {any} */ data) => chosen.name && html`<${Board} data=${data} chosen=${chosen} />`}<//>
    <${Filmbar} chosen=${chosen} />`;
}

/** @param {{data: any, chosen: import("../runs.js").Chosen}} props */
function Board({ data, chosen }) {
  const columns = useMemo(() => standingColumns(data), [data]);
  const pools = chosen.known?.pools ?? [];
  return html`
    <${Sentence} detail="Bars of one level share a scale. Denied counts only what was entitled and asked for; a team that was denied more than a quarter of it in seven days is starving.">${teamsSentence(data)}<//>
    <div class="tools">
      <${RunChoice} chosen=${chosen} />
      ${pools.length > 1 && html`<${Segments} label="Pool" value=${pool.value ?? ""} onChoose=${(/** @type {string} */ value) => go({ pool: value })}
        options=${[{ value: "", name: "All pools" }, ...pools.map((one) => ({ value: one.pool, name: one.pool }))]} />`}
      <span class="soft push">${chosen.isNow ? "As of" : "At"} ${instant(data.at_ms)}</span>
    </div>
    <${BarKey} />
    <${Tree} name="teams" label="Teams" data=${data} columns=${columns} link=${(/** @type {string} */ path) => href({ screen: "team", rest: path })} />`;
}
