import type { CodegenConfig } from '@graphql-codegen/cli';

/**
 * A configuration of graphql-codegen that types every `graphql(…)` by `src/gql/`, from the schema of
 * this package. It lists the documents in `src/gql/persisted-documents.json`, which the server takes as
 * `--persisted-documents`.
 *
 * @param documents where the documents are; by default in `src/`
 */
export function codegen(documents?: string): CodegenConfig;
