/** The schemas of the module's actions: what a node lets through, and what it answers. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Ajv from "ajv";

const imageroot = fileURLToPath(new URL("../../../imageroot", import.meta.url));
const read = (path) => JSON.parse(readFileSync(`${imageroot}/${path}`, "utf8"));
const ajv = new Ajv({ strict: false }).addSchema(read("validator-definitions.json"));
const judges = new Map();

/** What is wrong with the input of an action, "" when nothing is; actions of other modules take anything. */
export function problemOfInput(action, data) {
  const path = `actions/${action}/validate-input.json`;
  if (!judges.has(action)) {
    judges.set(action, existsSync(`${imageroot}/${path}`) ? ajv.compile(read(path)) : () => true);
  }
  const judge = judges.get(action);
  return judge(data ?? {}) ? "" : `${action}: ${ajv.errorsText(judge.errors)}`;
}
