/** Bytes and numbers as text, one spelling each: whatever is read here is written back the same. */

const ALPHABET = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const MAX_SIZE = (1n << 63n) - 1n;

/** The bytes that base64 with padding writes so, or null; bits left over must be zero. @param {string} text @param {number} [length] @returns {Uint8Array<ArrayBuffer> | null} */
export function base64Bytes(text, length) {
  if (!ALPHABET.test(text)) return null;
  const raw = atob(text);
  const data = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) data[at] = raw.charCodeAt(at);
  return base64Text(data) === text && (length === undefined || length === data.length) ? data : null;
}

/** @param {Uint8Array} data */
export function base64Text(data) {
  let raw = "";
  for (const byte of data) raw += String.fromCharCode(byte);
  return btoa(raw);
}

/** A number from 0 to 2^63 − 1 in ASCII digits without leading zeroes, or null. @param {string} text */
export function decimal(text) {
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(text)) return null;
  const value = BigInt(text);
  return value <= MAX_SIZE ? value : null;
}

/** @param {Uint8Array} data */
export function hex(data) {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {...Uint8Array} parts @returns {Uint8Array<ArrayBuffer>} */
export function together(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export function sameBytes(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** A number as so many bytes, the largest first. @param {bigint | number} value @param {number} size */
export function bigEndian(value, size) {
  const data = new Uint8Array(size);
  let left = BigInt(value);
  for (let at = size - 1; at >= 0; at--) {
    data[at] = Number(left & 255n);
    left >>= 8n;
  }
  return data;
}

/** @param {Uint8Array} data The largest byte first. */
export function fromBigEndian(data) {
  return data.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** @param {Uint8Array} data @returns {Promise<Uint8Array<ArrayBuffer>>} */
export async function sha256(data) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(data)));
}
