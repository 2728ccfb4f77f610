/** Why something does not hold, as `equipoise verify` says it: a code, a sentence, and what to do. */

export class Fault extends Error {
  /** @param {string} code @param {string} sentence @param {string} [hint] */
  constructor(code, sentence, hint = "") {
    super(sentence);
    this.code = code;
    this.sentence = sentence;
    this.hint = hint;
  }
}

/** An entry says something that no entry can say: what Python raises as another error becomes the same refusal here. */
export class Nonsense extends Error {}

/** @param {unknown} holds @param {string} [what] @returns {asserts holds} */
export function sure(holds, what = "nonsense") {
  if (!holds) throw new Nonsense(what);
}

/** Quote a value for a message: shortened, control characters escaped. @param {string} text @param {number} [width] */
export function shown(text, width = 60) {
  const signs = [...text];
  const cut = signs.length <= width ? text : `${signs.slice(0, width).join("")}…`;
  return `'${cut}'`.replace(UNPRINTABLE, escaped);
}

/** @param {string} sign */
function escaped(sign) {
  const short = /** @type {Record<string, string>} */ ({ "\n": "\\n", "\r": "\\r", "\t": "\\t" })[sign];
  if (short) return short;
  const point = /** @type {number} */ (sign.codePointAt(0));
  const hex = point.toString(16);
  return point < 256 ? `\\x${hex.padStart(2, "0")}` : point < 65536 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** A text in quotation marks, as Python's `repr` writes it. @param {string} text */
export function quoted(text) {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  return mark + text.replaceAll("\\", "\\\\").replaceAll(mark, `\\${mark}`).replace(UNPRINTABLE, escaped) + mark;
}

/** A JSON value as Python's `str` writes it, which messages quote. @param {unknown} value @returns {string} */
export function pythonText(value) {
  return typeof value === "string" ? value : pythonValue(value);
}

/** @param {unknown} value @returns {string} */
function pythonValue(value) {
  if (value === undefined || value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${pythonValue(name)}: ${pythonValue(one)}`).join(", ")}}`;
  return String(value);
}
