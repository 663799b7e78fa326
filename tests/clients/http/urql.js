/**
 * urql over HTTP with its defaults, then with automatic persisted queries.
 *
 *     node urql.js URL
 *
 * One line of JSON: `[{"data": …, "requests": […]}, …]`, one for each query.
 */

import { createClient, fetchExchange, gql } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';

import { recordingFetch, sha256, takeRequests, url } from './recorded.js';

const query = gql`
  query Feeds {
    feeds {
      table
    }
  }
`;
const persisted = (options) =>
  persistedExchange({ generateHash: async (text) => sha256(text), ...options });
const exchanges = [
  [fetchExchange],
  [persisted({ preferGetForPersistedQueries: false }), fetchExchange],
  [persisted({ preferGetForPersistedQueries: false }), fetchExchange],
  [persisted({ preferGetForPersistedQueries: true }), fetchExchange],
];
const results = [];
for (const [index, each] of exchanges.entries()) {
  const client = createClient({
    url,
    fetch: recordingFetch,
    exchanges: each,
    preferGetMethod: index === 0 ? false : undefined,
  });
  const { data, error } = await client.query(query, {});
  results.push({ data, error: error?.message, requests: takeRequests() });
}
process.stdout.write(JSON.stringify(results));
