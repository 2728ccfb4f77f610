// Reads modules by the engine's own parser: prints what each imports, by file. Nothing of them is run.
import { readFileSync } from "node:fs";
import { SourceTextModule } from "node:vm";

const found = {};
for (const [name, text] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) found[name] = new SourceTextModule(text).dependencySpecifiers;
console.log(JSON.stringify(found));
