// Reads a JSON feed from stdin and answers with a list of what is wrong by the schema of JSON Feed 1.1. Started by the tests.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const schema = JSON.parse(readFileSync(new URL("./node_modules/jsonfeed-schema/schema-v1.1.json", import.meta.url)));
const ajv = new Ajv({ allErrors: true, strict: false });
addFormats(ajv);
const validate = ajv.compile(schema);
const valid = validate(JSON.parse(await text(process.stdin)));
process.stdout.write(JSON.stringify(valid ? [] : validate.errors.map((one) => `${one.instancePath} ${one.message}`)));
