/** Signed notes (C2SP signed-note) and the checkpoints of ledgers that are signed so (tlog-checkpoint). */
import { base64Bytes, bigEndian, decimal, fromBigEndian, hex, together } from "./encoding.js";
import { Fault, quoted } from "./fault.js";
import { bytesOf } from "./json.js";
import { COSIGNATURE, ED25519, SIGNATURE_BYTES, isKeyName, keyHolds, sameKey } from "./keys.js";
import { HASH_SIZE } from "./merkle.js";

const MAX_NOTE_BYTES = 1 << 20;
const MAX_SIGNATURES = 100;
const DASH = "\u2014 ";

/** @typedef {import("./keys.js").Key} Key */
/** @typedef {{name: string, id: Uint8Array, data: Uint8Array}} Signature */
/** @typedef {{text: string, signatures: Signature[]}} Note Nothing about it has been verified. */
/** @typedef {{key: Key, time_s: bigint | null}} Signed A signature that holds, and when, where it says so. */
/** @typedef {{origin: string, size: bigint, root: Uint8Array, extensions: string[]}} Checkpoint */

/** The parts of a note; throws L119 if it is none. @param {string} whole @returns {Note} */
export function readNote(whole) {
  const size = bytesOf(whole).length;
  if (size > MAX_NOTE_BYTES) throw new Fault("L119", `a note of ${size} bytes, where ${MAX_NOTE_BYTES} is the most`);
  if (/[\u0000-\u0009\u000b-\u001f]/.test(whole)) throw new Fault("L119", "the note has a control character");
  const at = whole.lastIndexOf("\n\n");
  const below = at < 0 ? whole : whole.slice(at + 2);
  if (at < 0 || !below.endsWith("\n")) throw new Fault("L119", "a note is a text, an empty line, and signatures, each line with its end");
  const lines = below.split("\n").slice(0, -1);
  if (lines.length > MAX_SIGNATURES) throw new Fault("L119", `${lines.length} signatures, where ${MAX_SIGNATURES} is the most`);
  return { text: `${whole.slice(0, at)}\n`, signatures: lines.map(readSignature) };
}

/** @param {string} line @returns {Signature} */
function readSignature(line) {
  const rest = line.startsWith(DASH) ? line.slice(DASH.length) : line;
  const at = rest.indexOf(" ");
  const name = at < 0 ? rest : rest.slice(0, at);
  const data = base64Bytes(at < 0 ? "" : rest.slice(at + 1));
  if (!line.startsWith(DASH) || !isKeyName(name) || data === null || data.length <= 4) {
    throw new Fault("L119", `not a line of a signature: ${quoted(line.slice(0, 80))}`);
  }
  return { name, id: data.subarray(0, 4), data: data.subarray(4) };
}

/**
 * Who signed a note, of these keys; signatures of unknown keys are passed over, one of a known key that does not hold condemns it.
 * Throws L117, also where none is of a known key. @param {Note} note @param {readonly Key[]} keys
 */
export async function openNote(note, keys) {
  /** @type {Map<string, Key>} */
  const known = new Map();
  for (const key of keys) {
    const name = `${key.name} ${hex(key.id)}`;
    const other = known.get(name);
    if (other && !sameKey(other, key)) throw new Fault("L115", `two keys of ${key.name} have the id ${hex(key.id)}`);
    known.set(name, other ?? key);
  }
  /** @type {Signed[]} */
  const signed = [];
  for (const one of note.signatures) {
    const key = known.get(`${one.name} ${hex(one.id)}`);
    if (key) signed.push(await verified(note.text, one, key));
  }
  if (!signed.length) throw new Fault("L117", `none of ${note.signatures.length} signatures is of a known key`);
  return { signed, unknown: note.signatures.length - signed.length };
}

/** @param {string} text @param {Signature} signature @param {Key} key @returns {Promise<Signed>} */
async function verified(text, signature, key) {
  let { data } = signature;
  let time_s = null;
  if (key.type !== ED25519) {
    time_s = fromBigEndian(data.subarray(0, 8));
    data = data.subarray(8);
  }
  const fits = data.length === SIGNATURE_BYTES[key.type] && (time_s ?? 0n) < 1n << 63n;
  if (!fits || !(await keyHolds(key, signedMessage(text, key, time_s), data))) throw new Fault("L117", `the signature of ${key.name} does not hold`);
  return { key, time_s };
}

/** The bytes that a signature of this type covers. @param {string} text @param {Key} key @param {bigint | null} time_s */
function signedMessage(text, key, time_s) {
  if (key.type === ED25519) return bytesOf(text);
  if (key.type === COSIGNATURE) return bytesOf(`cosignature/v1\ntime ${time_s}\n${text}`);
  const { origin, size, root } = readCheckpoint(text);
  const [name, of] = [bytesOf(key.name), bytesOf(origin)];
  if (of.length > 255) throw new Fault("L118", `an origin of ${of.length} bytes, where cosigning takes 255`);
  return together(
    bytesOf("subtree/v1\n\0"), new Uint8Array([name.length]), name, bigEndian(time_s ?? 0n, 8), new Uint8Array([of.length]), of,
    bigEndian(0, 8), bigEndian(size, 8), root,
  );
}

/** The checkpoint that a text is; throws L118 if it is none. @param {string} text @returns {Checkpoint} */
export function readCheckpoint(text) {
  const lines = text.split("\n");
  if (lines.length < 4 || lines.pop()) throw new Fault("L118", "a checkpoint has three lines or more, each with its end");
  const [size, root] = [decimal(lines[1]), base64Bytes(lines[2], HASH_SIZE)];
  if (size === null) throw new Fault("L118", `not the size of a checkpoint: ${quoted(lines[1].slice(0, 80))}`);
  if (root === null) throw new Fault("L118", `not the root of a checkpoint: ${quoted(lines[2].slice(0, 80))}`);
  const [origin, extensions] = [lines[0], lines.slice(3)];
  if ([origin, ...extensions].some((line) => line === "" || /[\u0000-\u001f]/.test(line))) {
    throw new Fault("L118", "origin and extensions of a checkpoint are lines that are not empty");
  }
  return { origin, size, root, extensions };
}
