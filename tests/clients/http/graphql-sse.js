/**
 * graphql-sse's client in its distinct connections mode; a client for each subscription, so that
 * each goes on where it was by the cursor of its last event.
 */

import { createClient } from 'graphql-sse';

import { say, serve } from '../programs/serve.js';

const [url, options = '{}'] = process.argv.slice(2);
const { resume = false } = JSON.parse(options);
let connected = 0;

await serve((request, tell) => {
  let cursor;
  const client = createClient({
    url,
    headers: () => (resume && cursor ? { 'last-event-id': cursor } : {}),
    on: { connected: () => say({ connected: ++connected }) },
    retryAttempts: Infinity,
    retry: async () => {},
  });
  const stop = client.subscribe(request, {
    next: ({ data, errors }) => {
      cursor = Object.values(data ?? {})[0]?.cursor ?? cursor;
      tell(errors ? { errors } : { data });
    },
    error: (error) => tell({ errors: [String(error)] }),
    complete: () => tell({ completed: true }),
  });
  return () => {
    stop();
    client.dispose();
  };
});
