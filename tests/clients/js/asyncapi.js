// Reads an AsyncAPI document from stdin and prints what the parser of the AsyncAPI initiative has to say about it: one line for
// each finding, `severity path: message`. Ends with 1 if one of them is an error. Severity 0 is an error, 1 a warning.
"use strict";
const { Parser } = require("@asyncapi/parser");

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { document, diagnostics } = await new Parser().parse(Buffer.concat(chunks).toString("utf8"));
  for (const { severity, path, message } of diagnostics) console.log(severity, path.join("."), message);
  const failed = !document || diagnostics.some((found) => found.severity === 0);
  if (!failed) {
    console.log(`channels ${document.channels().all().length}, operations ${document.operations().all().length}, ` +
      `messages ${document.messages().all().length}`);
  }
  process.exitCode = failed ? 1 : 0;
}

main();
