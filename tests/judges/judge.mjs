// One process for all judges of the npm registry: reads {name: {html, mjml}} from stdin, answers {name: {html, mjml,
// clients}}, lists of complaints. Started by the tests.
import { text } from "node:stream/consumers";
import { HtmlValidate } from "html-validate";
import mjml2html from "mjml";
import { caniemail } from "caniemail";

// Every e-mail breaks three rules: Outlook's conditional comments, inlined CSS, bgcolor and its kin. Two more are matters
// of taste on the web and of support in mail: older screen readers know `presentation` and not `none`, and a native
// <article> is dropped by mail programs together with the language and direction that it carries.
const rules = {
  extends: ["html-validate:recommended", "html-validate:standard", "html-validate:a11y"],
  rules: {
    "no-conditional-comment": "off",
    "no-inline-style": "off",
    "no-deprecated-attr": "off",
    "presentation-role-style": ["error", { prefer: "presentation" }],
    "prefer-native-element": ["error", { exclude: ["article"] }],
  },
};
const CLIENTS = ["gmail.*", "apple-mail.*", "outlook.*", "yahoo.*", "samsung-email.*"];

const htmlValidate = new HtmlValidate(rules);

async function judgedHtml(html) {
  const report = await htmlValidate.validateString(html);
  return report.results.flatMap((result) =>
    result.messages.filter((one) => one.severity === 2).map((one) => `${one.line}:${one.column} ${one.ruleId} ${one.message}`),
  );
}

async function judgedMjml(mjml) {
  try {
    const { errors, html } = await mjml2html(mjml, { validationLevel: "strict", keepComments: true });
    return [...errors.map((error) => error.formattedMessage), ...(html ? [] : ["nothing came out"])];
  } catch (error) {
    return [...(error.errors ?? []).map((one) => one.formattedMessage), String(error.message ?? error)];
  }
}

function judgedClients(html) {
  const { issues } = caniemail({ clients: CLIENTS, html });
  return [...issues.errors.entries()].flatMap(([client, found]) => found.map((one) => `${client}: ${one.title}`));
}

const asked = JSON.parse(await text(process.stdin));
const answers = {};
for (const [name, { html, mjml }] of Object.entries(asked)) {
  answers[name] = { html: await judgedHtml(html), mjml: await judgedMjml(mjml), clients: judgedClients(html) };
}
process.stdout.write(JSON.stringify(answers));
