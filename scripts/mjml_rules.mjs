// Reads what MJML allows from the reference package (tests/judges) and writes it as newsletter/rendering/mjml_table.json:
// for each element its children, its attributes with their types, and whether it holds text. Sorted, so that the same
// version gives the same bytes. Started by scripts/mjml-rules.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [root, option] = process.argv.slice(2);
const require = createRequire(join(root, "tests", "judges", "package.json"));
const { components, dependencies } = require("mjml-preset-core");
const { version } = require("mjml/package.json");

const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

const elements = {};
for (const component of components) {
  elements[component.componentName] = {
    attributes: sorted(component.allowedAttributes ?? {}),
    children: [],
    text: Boolean(component.endingTag),
  };
}
// A pattern stands for "any element": only mj-attributes has one.
for (const [parent, children] of Object.entries(dependencies)) {
  elements[parent] ??= { attributes: {}, children: [], text: false };
  elements[parent].children = children.map((child) => (child instanceof RegExp ? "*" : child)).sort();
}
const tables = sorted(elements);
const written = JSON.stringify({ source: `mjml ${version}`, elements: tables }, null, 1) + "\n";

const file = join(root, "newsletter", "rendering", "mjml_table.json");
if (option === "--check") {
  let present = "";
  try {
    present = readFileSync(file, "utf8");
  } catch {
    // A missing file is out of date.
  }
  if (present !== written) {
    console.error(`scripts/mjml-rules: ${file} is out of date: run scripts/mjml-rules`);
    process.exit(1);
  }
} else {
  writeFileSync(file, written);
}
