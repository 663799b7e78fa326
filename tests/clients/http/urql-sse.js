/** urql with subscriptions over HTTP: its own fetchExchange reads event streams. */

import { Client, fetchExchange, gql } from '@urql/core';

import { serve } from '../programs/serve.js';

const [url] = process.argv.slice(2);
const client = new Client({ url, exchanges: [fetchExchange], fetchSubscriptions: true });

await serve(({ query, variables }, tell) => {
  const { unsubscribe } = client
    .subscription(gql(query), variables)
    .subscribe(({ data, error }) =>
      tell(error ? { errors: error.graphQLErrors.map(({ extensions }) => extensions) } : { data }),
    );
  return unsubscribe;
});
