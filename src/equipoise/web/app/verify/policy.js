/** Whose checkpoints count: keys of ledgers, and which witnesses must have cosigned (C2SP tlog-policy). */
import { decimal, sameBytes } from "./encoding.js";
import { Fault, quoted } from "./fault.js";
import { COSIGNATURE, ED25519, ML_DSA_44, readKey, sameKey } from "./keys.js";
import { openNote, readCheckpoint, readNote } from "./note.js";

const MAX_NAMES = 256;

/** @typedef {import("./keys.js").Key} Key */
/** @typedef {{logs: Key[], witnesses: Map<string, Key>, groups: Map<string, {needed: number, members: string[]}>, quorum: string | null}} Policy */
/**
 * A checkpoint that a policy accepts: who signed it, and which witnesses saw it when.
 * @typedef {{checkpoint: import("./note.js").Checkpoint, log: Key, witnesses: Map<string, bigint>, quorum: string | null}} Witnessed
 */

/**
 * Whom a reader trusts, as they say it: one key or several, a line each, or a policy. Throws L115 or L122.
 * @param {string} text @returns {Promise<Policy>}
 */
export async function readTrust(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
  if (lines.some((line) => /^(?:log|witness|group|quorum)[ \t]/.test(line))) return readPolicy(`${text.trimEnd()}\n`);
  if (!lines.length) throw new Fault("V107", "whose signature is to be trusted?", "paste the public key of the ledger: NAME+ID+BASE64");
  return { logs: await Promise.all(lines.map(readKey)), witnesses: new Map(), groups: new Map(), quorum: null };
}

/** The policy that a text is; throws L122 with the line, L115 for a key. @param {string} text @returns {Promise<Policy>} */
export async function readPolicy(text) {
  const lines = text.split("\n");
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) throw new Fault("L122", "a policy is a text of at most 1 MiB without control characters");
  if (lines.pop()) throw new Fault("L122", "the last line of the policy has no end", "end the file with a line end");
  const draft = new Draft();
  for (const [at, line] of lines.entries()) {
    const words = line.split(/[ \t]+/).filter(Boolean);
    if (!words.length || words[0].startsWith("#")) continue;
    try {
      await draft.read(words);
    } catch (error) {
      if (error instanceof Fault) throw new Fault(error.code, `line ${at + 1} of the policy: ${error.sentence}`, error.hint);
      throw error;
    }
  }
  if (!draft.closed) throw new Fault("L122", "the policy has no quorum line", "`quorum none` asks for no witness");
  return draft.policy;
}

/** @param {string} sentence */
function wrong(sentence) {
  return new Fault("L122", sentence);
}

/** A policy while its lines are read. */
class Draft {
  closed = false;
  /** @type {Policy} */
  policy = { logs: [], witnesses: new Map(), groups: new Map(), quorum: null };
  /** @type {Set<string>} */
  members = new Set();
  /** @type {Uint8Array[]} */
  keys = [];

  /** @param {string[]} words */
  async read([kind, ...rest]) {
    const { logs, witnesses, groups } = this.policy;
    if (kind === "log" && rest.length >= 1 && rest.length <= 2) logs.push(await this.party(rest[0], [ED25519, ML_DSA_44], logs.length));
    else if (kind === "witness" && rest.length >= 2 && rest.length <= 3) {
      const name = this.fresh(rest[0]);
      witnesses.set(name, await this.party(rest[1], [COSIGNATURE, ML_DSA_44], witnesses.size));
    } else if (kind === "group" && rest.length >= 3) {
      const group = this.group(rest[1], rest.slice(2));
      groups.set(this.fresh(rest[0]), group);
    } else if (kind === "quorum" && rest.length === 1) this.close(rest[0]);
    else throw wrong(`not a line of a policy: ${quoted([kind, ...rest].join(" ").slice(0, 80))}`);
  }

  /** @param {string} text @param {number[]} types @param {number} count */
  async party(text, types, count) {
    const key = await readKey(text);
    if (!types.includes(key.type)) throw wrong(`a key of type ${key.type} cannot stand here`);
    if (this.keys.some((one) => sameBytes(one, key.key))) throw wrong(`the key of ${key.name} stands here twice`);
    if (count >= MAX_NAMES) throw wrong(`more than ${MAX_NAMES} of them`);
    this.keys.push(key.key);
    return key;
  }

  /** @param {string} needed @param {string[]} members */
  group(needed, members) {
    const count = needed === "any" ? 1 : needed === "all" ? members.length : Number(decimal(needed) ?? 0n);
    if (!(count >= 1 && count <= members.length)) throw wrong(`${quoted(needed.slice(0, 20))} of ${members.length} members`);
    for (const member of members) {
      if (!this.policy.witnesses.has(member) && !this.policy.groups.has(member)) throw wrong(`no witness or group ${quoted(member.slice(0, 80))} above`);
      if (this.members.has(member)) throw wrong(`${quoted(member.slice(0, 80))} is a member twice, and would count twice`);
      this.members.add(member);
    }
    if (this.policy.groups.size >= MAX_NAMES) throw wrong(`more than ${MAX_NAMES} groups`);
    return { needed: count, members };
  }

  /** @param {string} name */
  fresh(name) {
    if (name === "none" || this.policy.witnesses.has(name) || this.policy.groups.has(name)) throw wrong(`the name ${quoted(name.slice(0, 80))} is taken`);
    return name;
  }

  /** @param {string} name */
  close(name) {
    if (this.closed) throw wrong("a second quorum");
    if (name !== "none" && !this.policy.witnesses.has(name) && !this.policy.groups.has(name)) throw wrong(`no witness or group ${quoted(name.slice(0, 80))} above`);
    this.closed = true;
    this.policy.quorum = name === "none" ? null : name;
  }
}

/** The checkpoint in a note, if a known log signed it and the quorum is met; throws L117 to L119 or L123. @param {Policy} policy @param {string} text @returns {Promise<Witnessed>} */
export async function openCheckpoint(policy, text) {
  const note = readNote(text);
  const { signed } = await openNote(note, [...policy.logs, ...policy.witnesses.values()]);
  const checkpoint = readCheckpoint(note.text);
  const log = signed.find(({ key }) => key.name === checkpoint.origin && policy.logs.some((one) => sameKey(one, key)))?.key;
  if (!log) throw new Fault("L117", `no known log signed the checkpoint of ${quoted(checkpoint.origin.slice(0, 80))}`);
  /** @type {Map<string, bigint>} */
  const witnesses = new Map();
  for (const { key, time_s } of signed) {
    const name = [...policy.witnesses].find(([, one]) => sameKey(one, key))?.[0];
    if (name === undefined || time_s === null) continue;
    const before = witnesses.get(name) ?? 0n;
    witnesses.set(name, time_s > before ? time_s : before);
  }
  if (!isMet(policy, witnesses)) {
    const names = [...witnesses.keys()].join(", ") || "no witness";
    throw new Fault("L123", `the checkpoint of ${checkpoint.size} entries is cosigned by ${names}, which is not the quorum ${policy.quorum}`);
  }
  return { checkpoint, log, witnesses, quorum: policy.quorum };
}

/** @param {Policy} policy @param {Map<string, bigint>} names */
function isMet(policy, names) {
  if (policy.quorum === null) return true;
  /** @type {Map<string, boolean>} */
  const met = new Map([...policy.witnesses.keys()].map((name) => [name, names.has(name)]));
  for (const [name, group] of policy.groups) met.set(name, group.members.filter((member) => met.get(member)).length >= group.needed);
  return met.get(policy.quorum) === true;
}
