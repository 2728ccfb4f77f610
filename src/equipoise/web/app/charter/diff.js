/** What changed between two texts, line by line: the fewest lines out and in (Myers, An O(ND) Difference Algorithm, 1986). */

/** @typedef {{kind: "same" | "added" | "removed" | "skipped", text: string, line: number | null}} Line `line` is of the new text. */

const MOST_CHANGES = 1_500;

/** @param {string} before @param {string} after @param {number} [around] How many lines that are the same stand beside a change. @returns {Line[]} */
export function difference(before, after, around = 2) {
  const [old, now] = [before.split("\n"), after.split("\n")];
  let first = 0;
  while (first < old.length && first < now.length && old[first] === now[first]) first++;
  let tail = 0;
  while (tail < old.length - first && tail < now.length - first && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  const middle = shortest(old.slice(first, old.length - tail), now.slice(first, now.length - tail));
  /** @type {Line[]} */
  const lines = [
    ...now.slice(0, first).map((text) => /** @type {Line} */ ({ kind: "same", text, line: 0 })),
    ...middle,
    ...now.slice(now.length - tail).map((text) => /** @type {Line} */ ({ kind: "same", text, line: 0 })),
  ];
  let number = 0;
  for (const one of lines) one.line = one.kind === "removed" ? null : ++number;
  return shortened(lines, around);
}

/** @param {string[]} old @param {string[]} now @returns {Line[]} */
function shortest(old, now) {
  /** @type {Map<number, number>[]} */
  const trace = [];
  let reach = new Map([[1, 0]]);
  for (let d = 0; d <= old.length + now.length; d++) {
    if (d > MOST_CHANGES) return [...old.map((text) => line("removed", text)), ...now.map((text) => line("added", text))];
    trace.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const isDown = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = isDown ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      while (x < old.length && x - k < now.length && old[x] === now[x - k]) x++;
      reach.set(k, x);
      if (x >= old.length && x - k >= now.length) return traced(trace, old, now);
    }
  }
  return [];
}

/** @param {Map<number, number>[]} trace @param {string[]} old @param {string[]} now */
function traced(trace, old, now) {
  /** @type {Line[]} */
  const found = [];
  let [x, y] = [old.length, now.length];
  for (let d = trace.length - 1; d >= 0; d--) {
    const reach = trace[d];
    const k = x - y;
    const isDown = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const from = isDown ? k + 1 : k - 1;
    const [oldX, oldY] = [reach.get(from) ?? 0, (reach.get(from) ?? 0) - from];
    while (x > oldX && y > oldY && x > 0 && y > 0) {
      found.push(line("same", now[--y]));
      x--;
    }
    if (d > 0) found.push(isDown ? line("added", now[--y]) : line("removed", old[--x]));
  }
  return found.reverse();
}

/** @param {Line["kind"]} kind @param {string} text @returns {Line} */
function line(kind, text) {
  return { kind, text, line: null };
}

/** @param {Line[]} lines @param {number} around */
function shortened(lines, around) {
  const near = new Set();
  for (const [n, one] of lines.entries()) if (one.kind !== "same") for (let at = n - around; at <= n + around; at++) near.add(at);
  /** @type {Line[]} */
  const found = [];
  for (const [n, one] of lines.entries()) {
    if (near.has(n)) found.push(one);
    else if (found.at(-1)?.kind !== "skipped" && near.size) found.push(line("skipped", "⋯"));
  }
  return found;
}
