/** Which Ed25519 public keys may be trusted (RFC 8032, section 5.1.3): points in their one spelling, of prime order. */
import { fromBigEndian, hex } from "./encoding.js";

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * power(121666n, P - 2n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);

/** @typedef {[bigint, bigint, bigint, bigint]} Point In extended coordinates. */

/** @param {bigint} value */
function mod(value) {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

/** @param {bigint} base @param {bigint} exponent */
function power(base, exponent) {
  let [found, factor] = [1n, mod(base)];
  for (let left = exponent; left; left >>= 1n) {
    if (left & 1n) found = mod(found * factor);
    factor = mod(factor * factor);
  }
  return found;
}

/** An x with −x² + y² = 1 + d·x²·y², or null: the root of u/v as u·v³·(u·v⁷)^((p−5)/8), up to a factor √−1. @param {bigint} y */
function rootOf(y) {
  const [u, v] = [mod(y * y - 1n), mod(D * y * y + 1n)];
  const cube = mod(v * v * v);
  const x = mod(u * cube * power(u * cube * cube * v, (P - 5n) / 8n));
  const square = mod(v * x * x);
  if (square === u) return x;
  return square === mod(-u) ? mod(x * ROOT_OF_MINUS_ONE) : null;
}

/** Complete addition (RFC 8032, section 5.1.4). @param {Point} one @param {Point} other @returns {Point} */
function added(one, other) {
  const a = mod((one[1] - one[0]) * (other[1] - other[0]));
  const b = mod((one[1] + one[0]) * (other[1] + other[0]));
  const c = mod(2n * D * one[3] * other[3]);
  const d = mod(2n * one[2] * other[2]);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

/** @type {Map<string, string>} */
const known = new Map();

/** Why verifiers may disagree about signatures of a key, or nothing. @param {Uint8Array} key */
export function faultOfKey(key) {
  const name = hex(key);
  let fault = known.get(name);
  if (fault === undefined) known.set(name, (fault = faultOf(key)));
  return fault;
}

/** @param {Uint8Array} key */
function faultOf(key) {
  if (key.length !== 32) return `has ${key.length} bytes, not 32`;
  const whole = fromBigEndian(key.toReversed());
  const y = whole & ((1n << 255n) - 1n);
  const odd = whole >> 255n;
  if (y >= P) return "is not canonical";
  let x = rootOf(y);
  if (x === null) return "is not a point of the curve";
  if (x === 0n && odd) return "is not canonical";
  if ((x & 1n) !== odd) x = P - x;
  /** @type {Point} */
  const point = [x, y, 1n, mod(x * y)];
  if (isNeutral(times(point, 8n))) return "is a point of small order";
  return isNeutral(times(point, ORDER)) ? "" : "is a point of mixed order";
}

/** @param {Point} point @param {bigint} count */
function times(point, count) {
  /** @type {Point} */
  let found = [0n, 1n, 1n, 0n];
  for (const bit of count.toString(2)) {
    found = added(found, found);
    if (bit === "1") found = added(found, point);
  }
  return found;
}

/** @param {Point} point */
function isNeutral(point) {
  return point[0] === 0n && point[1] === point[2];
}

// The eight points of small order as a signature's R, canonical: a signature with one of them binds its maker to nothing.
const SMALL_ORDER = new Set([
  `01${"00".repeat(31)}`, `ec${"ff".repeat(30)}7f`, "00".repeat(32), `${"00".repeat(31)}80`,
  ...["05", "85"].map((last) => `26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc${last}`),
  ...["7a", "fa"].map((last) => `c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03${last}`),
]);

/** Whether this browser can check such signatures at all: only where the page came by https, or from this machine. */
export async function canVerify() {
  if (!globalThis.crypto?.subtle) return false;
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32).fill(1, 0, 1), { name: "Ed25519" }, false, ["verify"]);
    return true;
  } catch (error) {
    return !(error instanceof DOMException && error.name === "NotSupportedError");
  }
}

/** Whether every reading of RFC 8032 accepts this signature. @param {Uint8Array} key @param {Uint8Array} message @param {Uint8Array} signature */
export async function holds(key, message, signature) {
  if (signature.length !== 64 || SMALL_ORDER.has(hex(signature.subarray(0, 32))) || faultOfKey(key)) return false;
  const s = fromBigEndian(signature.slice(32).reverse());
  if (s >= ORDER) return false;
  const one = await crypto.subtle.importKey("raw", new Uint8Array(key), { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, one, new Uint8Array(signature), new Uint8Array(message));
}
