/** Exact fractions of whole numbers, and how they are written. */
import { Nonsense } from "./fault.js";

/** @typedef {{n: bigint, d: bigint}} Fraction In lowest terms, d above 0. */

/** @param {bigint} a @param {bigint} b @returns {bigint} */
export function gcd(a, b) {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y) [x, y] = [y, x % y];
  return x;
}

/** @param {bigint} a @param {bigint} b */
export function lcm(a, b) {
  return a && b ? (a / gcd(a, b)) * b : 0n;
}

/** @param {bigint} n @param {bigint} [d] @returns {Fraction} */
export function fraction(n, d = 1n) {
  if (!d) throw new Nonsense("divided by nothing");
  const common = gcd(n, d) * (d < 0n ? -1n : 1n);
  return { n: n / common, d: d / common };
}

const WRITTEN = /^(-?(?:0|[1-9][0-9]{0,4299}))(?:\/([1-9][0-9]{0,4299}))?$/;

/** A fraction in its one spelling, `1/5` or `3`; null for anything else. @param {string} text @returns {Fraction | null} */
export function readFraction(text) {
  const found = WRITTEN.exec(text);
  if (!found || found[1] === "-0") return null;
  const [n, d] = [BigInt(found[1]), BigInt(found[2] ?? 1)];
  return (found[2] !== undefined && d === 1n) || gcd(n, d) !== 1n ? null : { n, d };
}

/** @param {Fraction} one @param {Fraction} other */
export function times(one, other) {
  return fraction(one.n * other.n, one.d * other.d);
}

/** The nearest double, as Python's `float` of it is. @param {Fraction} value */
export function toNumber({ n, d }) {
  const size = n < 0n ? -n : n;
  const shift = Math.max(0, 70 - (size.toString(2).length - d.toString(2).length));
  const scaled = size << BigInt(shift);
  const quotient = scaled / d;
  const found = Number(quotient | (scaled % d ? 1n : 0n)) / 2 ** shift; // the last bit says that there was more
  return n < 0n ? -found : found;
}

/** With commas and one place, as Python's `,.1f`: halves go to the even digit. @param {number} value */
export function oneDecimal(value) {
  const size = Math.abs(value);
  const isHalf = Number.isInteger(size * 4) && (size * 4) % 2 === 1;
  const tenths = Math.floor(size * 10);
  const text = isHalf ? ((tenths + (tenths % 2)) / 10).toFixed(1) : size.toFixed(1);
  const [whole, part] = text.split(".");
  return `${value < 0 ? "-" : ""}${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${part}`;
}

/** A percentage with at most 4 places, marked ~ where that is not exact. @param {Fraction} share */
export function percentText(share) {
  const scaled = fraction(share.n * 1_000_000n, share.d);
  let rounded = scaled.n / scaled.d; // shares are not negative
  const rest = 2n * (scaled.n % scaled.d);
  if (rest > scaled.d || (rest === scaled.d && rounded & 1n)) rounded += 1n;
  const [whole, places] = [rounded / 10_000n, rounded % 10_000n];
  const digits = String(places).padStart(4, "0").replace(/0+$/, "");
  return `${scaled.d === 1n ? "" : "~"}${whole}${digits ? `.${digits}` : ""}%`;
}
