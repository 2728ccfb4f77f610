// Runs the dashboard's verifier over cases: JSON lines in, each with what to do; JSON lines out, what came of it.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = pathToFileURL(`${process.argv[2]}/`);
const load = (name) => import(new URL(name, folder));
const { verifyReceipt } = await load("receipt.js");
const { readTrust } = await load("policy.js");
const { Fault } = await load("fault.js");
const { holds } = await load("curve.js");
const { keyText, readKey } = await load("keys.js");
const { openNote, readNote } = await load("note.js");
const { verifyConsistency, verifyInclusion } = await load("merkle.js");
const { readEntry, textOf } = await load("json.js");
const { Calendar } = await load("calendar.js");
const words = await load("words.js");

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const policies = new Map();

const DO = {
  async receipt({ policy, data }) {
    if (!policies.has(policy)) policies.set(policy, await readTrust(policy));
    const found = await verifyReceipt(bytes(data), policies.get(policy));
    return { told: words.told(found), not_shown: words.notShown(found) };
  },
  async holds({ key, message, signature }) {
    return { holds: await holds(bytes(key), bytes(message), bytes(signature)) };
  },
  async inclusion({ proof, index, size, leaf, root }) {
    await verifyInclusion(proof.map(bytes), { index: BigInt(index), size: BigInt(size), leaf: bytes(leaf), root: bytes(root) });
    return {};
  },
  async consistency({ proof, old_size, old_root, new_size, new_root }) {
    const of = { oldSize: BigInt(old_size), oldRoot: bytes(old_root), newSize: BigInt(new_size), newRoot: bytes(new_root) };
    await verifyConsistency(proof.map(bytes), of);
    return {};
  },
  async key({ text }) {
    return { text: keyText(await readKey(text)) };
  },
  async note({ data, keys }) {
    let text;
    try {
      text = textOf(bytes(data));
    } catch {
      throw new Fault("L119", "the note is not UTF-8");
    }
    const { signed, unknown } = await openNote(readNote(text), await Promise.all(keys.map(readKey)));
    return { signed: signed.map(({ key }) => key.name), unknown };
  },
  async entry({ data }) {
    try {
      readEntry(textOf(bytes(data)));
    } catch (error) {
      if (error instanceof TypeError) throw new Fault("L127", "the entry is not JSON of the kind that entries are");
      throw error;
    }
    return {};
  },
  async days({ zone, instants }) {
    const calendar = new Calendar(zone);
    return { days: instants.map((ms) => [calendar.day(ms), calendar.begins(calendar.day(ms)), calendar.end("quarter", ms)]) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  let said;
  try {
    said = { code: null, ...(await DO[asked.do](asked)) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    said = { code: error.code, sentence: error.sentence };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
