import type { CacheExchangeOpts } from '@urql/exchange-graphcache';

/**
 * Options for Graphcache's cacheExchange: the schema, by which it knows the members of unions, and
 * the types that have no key.
 */
export const graphcache: Required<Pick<CacheExchangeOpts, 'keys' | 'schema'>>;
