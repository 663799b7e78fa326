// Made from schema.graphql by `make schema`; do not edit.
/** The members of each union, as Apollo's InMemoryCache takes them. */
export const possibleTypes: Record<string, string[]>;
