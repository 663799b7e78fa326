/** urql with its usual exchanges. */

import { Client, cacheExchange, fetchExchange, gql, subscriptionExchange } from '@urql/core';

import { createSocketClient, serve } from './serve.js';

const socketClient = createSocketClient();
const client = new Client({
  url: 'http://unused.invalid', // for queries over HTTP
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query = '', variables }) => ({
        subscribe: (sink) => ({ unsubscribe: socketClient.subscribe({ query, variables }, sink) }),
      }),
    }),
  ],
});

await serve(({ query, variables }, tell) => {
  const { unsubscribe } = client
    .subscription(gql(query), variables)
    .subscribe(({ data, error }) => tell(error ? { errors: [String(error)] } : { data }));
  return unsubscribe;
});
