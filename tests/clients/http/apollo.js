/**
 * Apollo Client over HTTP with its defaults, then with automatic persisted queries.
 *
 *     node apollo.js URL
 *
 * One line of JSON: `[{"data": …, "requests": […]}, …]`, one for each query.
 */

import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';

import { recordingFetch, sha256, takeRequests, url } from './recorded.js';

const query = gql`
  query Feeds {
    feeds {
      table
    }
  }
`;
const http = new HttpLink({ uri: url, fetch: recordingFetch });
const persisted = (options) => new PersistedQueryLink({ sha256, ...options }).concat(http);
const links = [
  http,
  persisted(),
  persisted(), // another client, which does not know yet that the server knows the document
  persisted({ useGETForHashedQueries: true }),
];
const results = [];
for (const link of links) {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const { data } = await client.query({ query, fetchPolicy: 'network-only' });
  results.push({ data, requests: takeRequests() });
}
process.stdout.write(JSON.stringify(results));
