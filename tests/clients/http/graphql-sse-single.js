/** graphql-sse's client in its single connection mode: one stream for all subscriptions. */

import { createClient } from 'graphql-sse';

import { say, serve } from '../programs/serve.js';

const [url] = process.argv.slice(2);
let connected = 0;
const client = createClient({
  url,
  singleConnection: true,
  on: { connected: () => say({ connected: ++connected }) },
  retryAttempts: Infinity,
  retry: async () => {},
});

await serve((request, tell) =>
  client.subscribe(request, {
    next: ({ data, errors }) => tell(errors ? { errors } : { data }),
    error: (error) => tell({ errors: [String(error)] }),
    complete: () => tell({ completed: true }),
  }),
);
