import { useApolloClient } from '@apollo/client/react';

import { useList } from './react.js';

/** A live list by Apollo Client; `apollo.d.ts` says what it does. */
export function useLiveList(document, options) {
  return useList(subscribe, useApolloClient(), document, options);
}

function subscribe(client, query, variables, sink) {
  const subscription = client
    .subscribe({
      query,
      variables,
      fetchPolicy: 'no-cache', // the list holds its rows; a cache would keep those that are gone
      context: { queryDeduplication: false }, // a list that joins another one needs its snapshot
    })
    .subscribe(sink);
  return () => subscription.unsubscribe();
}
