/**
 * Apollo Client's HttpLink and RetryLink, which read a subscription as a multipart response. With
 * `resume` a link between them passes the cursor of the last event, so that no snapshot comes again.
 */

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { RetryLink } from '@apollo/client/link/retry';
import { tap } from 'rxjs';

import { say, serve } from '../programs/serve.js';

const [url, options = '{}'] = process.argv.slice(2);
const { resume = false } = JSON.parse(options);
let connected = 0;

const resuming = new ApolloLink((operation, forward) => {
  const { cursor } = operation.getContext();
  if (cursor) operation.setContext({ headers: { 'last-event-id': cursor } });
  return forward(operation).pipe(
    tap(({ data }) => {
      const next = Object.values(data ?? {})[0]?.cursor;
      if (next) operation.setContext({ cursor: next });
    }),
  );
});
const http = new HttpLink({
  uri: url,
  fetch: async (...request) => {
    const response = await fetch(...request);
    if (response.headers.get('content-type').startsWith('multipart/')) {
      say({ connected: ++connected });
    }
    return response;
  },
});
const retry = new RetryLink({ delay: { initial: 10, max: 10 }, attempts: { max: Infinity } });
const client = new ApolloClient({
  link: ApolloLink.from([retry, ...(resume ? [resuming] : []), http]),
  cache: new InMemoryCache(),
});

await serve(({ query, variables }, tell) => {
  const subscription = client
    .subscribe({ query: gql(query), variables, fetchPolicy: 'no-cache', errorPolicy: 'all' })
    .subscribe({
      next: ({ data, error }) =>
        tell(error ? { errors: (error.errors ?? [error]).map(describe) } : { data }),
      error: (error) => tell({ errors: [describe(error)] }),
      complete: () => tell({ completed: true }),
    });
  return () => subscription.unsubscribe();
});

function describe({ message, extensions }) {
  return { message, extensions };
}
