/** The Merkle tree of a ledger: hashes, and proofs checked (RFC 9162, section 2.1). A leaf is hashed behind a byte 0, a node behind a 1. */
import { sameBytes, sha256, together } from "./encoding.js";
import { Fault } from "./fault.js";

export const HASH_SIZE = 32;
export const MAX_SIZE = (1n << 63n) - 1n;

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

/** MTH({d}), section 2.1.1. @param {Uint8Array} entry */
export function leafHash(entry) {
  return sha256(together(LEAF, entry));
}

/** @param {Uint8Array} left @param {Uint8Array} right */
export function nodeHash(left, right) {
  return sha256(together(NODE, left, right));
}

/**
 * Check that a leaf is in a tree (section 2.1.3.2); throws L112 unless it is.
 * @param {readonly Uint8Array[]} proof From the leaf's sibling to the root's child.
 * @param {{index: bigint, size: bigint, leaf: Uint8Array, root: Uint8Array}} of
 */
export async function verifyInclusion(proof, { index, size, leaf, root }) {
  if (!(index >= 0n && index < size && size <= MAX_SIZE)) throw new Fault("L112", `no entry ${index} in a tree of ${size} leaves`);
  const what = `the proof for entry ${index} of ${size}`;
  checkSizes("L112", what, [...proof, leaf, root]);
  let node = index;
  let last = size - 1n;
  let found = leaf;
  for (const sibling of proof) {
    if (!last) throw new Fault("L112", `${what} is too long`);
    if (node & 1n || node === last) {
      found = await nodeHash(sibling, found);
      while (!(node & 1n) && node) {
        node >>= 1n;
        last >>= 1n;
      }
    } else found = await nodeHash(found, sibling);
    node >>= 1n;
    last >>= 1n;
  }
  if (last) throw new Fault("L112", `${what} is too short`);
  if (!sameBytes(found, root)) throw new Fault("L112", `${what} leads to another root`);
}

/**
 * Check that one tree begins with another (section 2.1.4.2); throws L113 unless it does.
 * @param {readonly Uint8Array[]} proof
 * @param {{oldSize: bigint, oldRoot: Uint8Array, newSize: bigint, newRoot: Uint8Array}} of
 */
export async function verifyConsistency(proof, { oldSize, oldRoot, newSize, newRoot }) {
  const step = `the proof from ${oldSize} to ${newSize} leaves`;
  if (!(oldSize >= 1n && oldSize <= newSize && newSize <= MAX_SIZE)) throw new Fault("L113", `${step} is of sizes that cannot be`);
  checkSizes("L113", step, [...proof, oldRoot, newRoot]);
  if (oldSize === newSize) {
    if (proof.length) throw new Fault("L113", `${step} is too long`);
    if (!sameBytes(oldRoot, newRoot)) throw new Fault("L113", `there are two roots for ${oldSize} leaves`);
    return;
  }
  // Where the old tree is a power of two, its root is the first node and is left out.
  const path = oldSize & (oldSize - 1n) ? proof : [oldRoot, ...proof];
  if (!path.length) throw new Fault("L113", `${step} is too short`);
  let [node, last] = [oldSize - 1n, newSize - 1n];
  while (node & 1n) [node, last] = [node >> 1n, last >> 1n];
  let [old, now] = [path[0], path[0]];
  for (const sibling of path.slice(1)) {
    if (!last) throw new Fault("L113", `${step} is too long`);
    if (node & 1n || node === last) {
      [old, now] = [await nodeHash(sibling, old), await nodeHash(sibling, now)];
      while (!(node & 1n) && node) [node, last] = [node >> 1n, last >> 1n];
    } else now = await nodeHash(now, sibling);
    [node, last] = [node >> 1n, last >> 1n];
  }
  if (last) throw new Fault("L113", `${step} is too short`);
  if (!sameBytes(old, oldRoot)) throw new Fault("L113", `${step} does not begin with the old root`);
  if (!sameBytes(now, newRoot)) throw new Fault("L113", `${step} leads to another root`);
}

/** @param {string} code @param {string} what @param {readonly Uint8Array[]} hashes */
function checkSizes(code, what, hashes) {
  const wrong = hashes.find((node) => node.length !== HASH_SIZE);
  if (wrong) throw new Fault(code, `${what} has a hash of ${wrong.length} bytes, not ${HASH_SIZE}`);
}
