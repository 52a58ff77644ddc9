// Judges SARIF by the official JSON schema of version 2.1.0, which @microsoft/sarif-multitool-ts carries along: reads one
// log from stdin, answers a list of complaints.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const require = createRequire(import.meta.url);
const tool = new URL("../assets/sarif-2.1.0.schema.json", `file://${require.resolve("@microsoft/sarif-multitool-ts")}`);
const ajv = new Ajv.default({ allErrors: true, strict: false });
addFormats.default(ajv);
const valid = ajv.compile(JSON.parse(readFileSync(tool, "utf-8")));
const log = JSON.parse(await text(process.stdin));
const complaints = valid(log) ? [] : valid.errors.map((error) => `${error.instancePath} ${error.message}`);
process.stdout.write(JSON.stringify(complaints));
