/** Apollo Client with its defaults: error policy `none`, a normalised cache. */

import { ApolloClient, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';

import { createSocketClient, serve } from './serve.js';

const client = new ApolloClient({
  link: new GraphQLWsLink(createSocketClient()),
  cache: new InMemoryCache(),
});

await serve(({ query, variables }, tell) => {
  const subscription = client.subscribe({ query: gql(query), variables }).subscribe({
    next: ({ data, error }) => tell(error ? { errors: [String(error)] } : { data }),
    error: (error) => tell({ errors: [String(error)] }),
    complete: () => tell({ completed: true }),
  });
  return () => subscription.unsubscribe();
});
