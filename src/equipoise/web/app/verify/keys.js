/** Public keys with the names that they sign under, as text: NAME+ID+BASE64(type ‖ key), as C2SP's signed notes have them. */
import { faultOfKey, holds } from "./curve.js";
import { base64Bytes, base64Text, hex, sameBytes, sha256, together } from "./encoding.js";
import { Fault, quoted } from "./fault.js";
import { bytesOf } from "./json.js";

export const ED25519 = 1;
export const COSIGNATURE = 4;
export const ML_DSA_44 = 6;
/** @type {Record<number, number>} */
const KEY_BYTES = { [ED25519]: 32, [COSIGNATURE]: 32, [ML_DSA_44]: 1312 };
/** @type {Record<number, number>} */
export const SIGNATURE_BYTES = { [ED25519]: 64, [COSIGNATURE]: 64, [ML_DSA_44]: 2420 };
const HINT = "copy the key again from who gave it; a key that fails here may have been made to deceive";
// What Python's `str.isspace` and control characters below U+0020 are.
const BAD_NAME = /[\u0000-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+]/;

/** @typedef {{name: string, type: number, key: Uint8Array, id: Uint8Array}} Key */

/** Whether a name may stand in a note. @param {string} name */
export function isKeyName(name) {
  return name !== "" && !BAD_NAME.test(name) && name.isWellFormed() && bytesOf(name).length <= 255;
}

/** The key that a text is; throws L115 for any fault. @param {string} text @returns {Promise<Key>} */
export async function readKey(text) {
  const first = text.indexOf("+");
  const name = first < 0 ? text : text.slice(0, first);
  const rest = first < 0 ? "" : text.slice(first + 1);
  const second = rest.indexOf("+");
  const id = second < 0 ? rest : rest.slice(0, second);
  const data = base64Bytes(second < 0 ? "" : rest.slice(second + 1));
  if (!data || !data.length) throw new Fault("L115", `not a key: ${quoted(text.slice(0, 80))}`, "a key is NAME+ID+BASE64");
  const type = data[0];
  if (!(type in KEY_BYTES)) throw new Fault("L115", `a key of type ${type}: ${quoted(text.slice(0, 80))}`, "types are 1 and 4 (Ed25519), and 6 (ML-DSA-44)");
  const key = data.subarray(1);
  if (!isKeyName(name)) throw new Fault("L115", `not a name of a key: ${quoted(name.slice(0, 80))}`);
  if (key.length !== KEY_BYTES[type]) throw new Fault("L115", `the key of ${name} has ${key.length} bytes`, HINT);
  const fault = type === ML_DSA_44 ? "" : faultOfKey(key);
  if (fault) throw new Fault("L115", `the key of ${name} ${fault}`, HINT);
  const found = { name, type, key, id: (await sha256(together(bytesOf(`${name}\n`), data))).slice(0, 4) };
  if (hex(found.id) !== id) throw new Fault("L115", `the key of ${name} has the id ${hex(found.id)}, not ${quoted(id.slice(0, 16))}`, HINT);
  return found;
}

/** @param {Key} key */
export function keyText(key) {
  return `${key.name}+${hex(key.id)}+${base64Text(together(new Uint8Array([key.type]), key.key))}`;
}

/** @param {Key} one @param {Key} other */
export function sameKey(one, other) {
  return one.name === other.name && one.type === other.type && sameBytes(one.key, other.key);
}

/** Whether this is the key's signature of a message (without the time that a cosignature carries). @param {Key} key @param {Uint8Array} message @param {Uint8Array} signature */
export function keyHolds(key, message, signature) {
  if (key.type === ML_DSA_44) throw new Fault("L116", "no browser has ML-DSA-44 yet", "check this receipt with `equipoise verify`, or trust a key of type 4");
  return holds(key.key, message, signature);
}
