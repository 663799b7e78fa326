// Compiles documents as Apollo's generators do. Reads `{schema, document}`, and writes what it has made:
// `{errors, operations, swift}`, of which `swift` is Swift, and `errors` what Apollo's rules find.
const { readFileSync } = require('node:fs');
const { compileToIR } = require('apollo-codegen-core/lib/compiler');
const { compileToLegacyIR } = require('apollo-codegen-core/lib/compiler/legacyIR');
const { generateSource } = require('apollo-codegen-swift');
const { getValidationErrors } = require('apollo-language-server/lib/errors/validation');
const { buildSchema, parse } = require('graphql');

const input = JSON.parse(readFileSync(0, 'utf8'));
// This version of graphql does not know that directive.
const schema = buildSchema(`directive @specifiedBy(url: String!) on SCALAR\n${input.schema}`);
const document = parse(input.document);
const errors = getValidationErrors(schema, document).map(({ message }) => message);
let operations = [];
let swift = '';
if (!errors.length) {
  const options = { addTypename: true, passthroughCustomScalars: true };
  operations = Object.keys(compileToLegacyIR(schema, document, options).operations);
  swift = generateSource(compileToIR(schema, document, options), false, false).output;
}
process.stdout.write(JSON.stringify({ errors, operations, swift }));
