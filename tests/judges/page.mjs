// Reads {name: html} from stdin and answers {name: complaints} of html-validate about pages for browsers. Started by the tests.
import { text } from "node:stream/consumers";
import { HtmlValidate } from "html-validate";

const htmlValidate = new HtmlValidate({
  extends: ["html-validate:recommended", "html-validate:standard", "html-validate:a11y"],
  rules: {
    // The sheet of an issue stands in the page that its hash lets it into.
    "no-inline-style": "off",
    "require-sri": "off",
    // As in judge.mjs: older screen readers know `presentation` and not `none`.
    "presentation-role-style": ["error", { prefer: "presentation" }],
  },
});
const answers = {};
for (const [name, html] of Object.entries(JSON.parse(await text(process.stdin)))) {
  const report = await htmlValidate.validateString(html);
  answers[name] = report.results.flatMap((result) =>
    result.messages.filter((one) => one.severity === 2).map((one) => `${one.line}:${one.column} ${one.ruleId} ${one.message}`),
  );
}
process.stdout.write(JSON.stringify(answers));
