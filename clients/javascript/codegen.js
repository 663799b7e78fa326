import { fileURLToPath } from 'node:url';

import { scalars } from './scalars.js';

const SCHEMA = fileURLToPath(new URL('schema.graphql', import.meta.url));

/** A configuration of graphql-codegen; `codegen.d.ts` says what it does. */
export function codegen(documents = 'src/**/*.{ts,tsx}') {
  return {
    schema: SCHEMA,
    documents,
    generates: {
      'src/gql/': {
        preset: 'client',
        presetConfig: { fragmentMasking: false, persistedDocuments: { hashAlgorithm: 'sha256' } },
        config: { scalars, strictScalars: true, useTypeImports: true },
      },
    },
  };
}
