/** `npx graphql-codegen` types every `graphql(…)` beside this file. */

import type { CodegenConfig } from '@graphql-codegen/cli';

// docs/frontend.md shows what begins here
const config: CodegenConfig = {
  schema: '../../../schema.graphql',
  documents: '*.{ts,tsx}',
  generates: {
    'gql/': {
      preset: 'client',
      presetConfig: {
        fragmentMasking: false,
        persistedDocuments: { hashAlgorithm: 'sha256' },
      },
      config: { scalars: { DateTime: 'string' }, strictScalars: true },
    },
  },
};

export default config;
// docs/frontend.md shows what ends here
