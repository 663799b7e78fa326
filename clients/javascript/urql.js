import { createRequest, subscriptionExchange } from '@urql/core';
import { useClient } from 'urql';

import { useList } from './react.js';

/** A live list by urql; `urql.d.ts` says what it does. */
export function useLiveList(document, options) {
  return useList(subscribe, useClient(), document, options);
}

/** An exchange for subscriptions over graphql-ws. */
export function socketExchange(client) {
  return subscriptionExchange({
    forwardSubscription: ({ query, variables }) => ({
      subscribe: (sink) => ({ unsubscribe: client.subscribe({ query, variables }, sink) }),
    }),
  });
}

let lists = 0;

function subscribe(client, query, variables, sink) {
  // Operations with one key share their results: a list that joins another one needs its snapshot.
  const request = { ...createRequest(query, variables), key: -++lists };
  const { unsubscribe } = client.executeSubscription(request).subscribe(sink.next);
  return unsubscribe;
}
