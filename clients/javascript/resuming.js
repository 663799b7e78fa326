import { waitMs } from './wait.js';

/** Options for graphql-ws's createClient; `index.d.ts` says what they do. */
export function resuming(otherParams = () => ({}), maxOperations = 200) {
  const since = new Map(); // operation id → last cursor; the oldest cursor is first
  return {
    connectionParams: async () => ({ ...(await otherParams()), since: Object.fromEntries(since) }),
    on: {
      message({ id, type, payload }) {
        since.delete(id);
        const cursor = type === 'next' && Object.values(payload.data ?? {})[0]?.cursor;
        if (cursor) since.set(id, cursor);
        if (since.size > maxOperations) since.delete(since.keys().next().value);
      },
    },
    retryAttempts: Infinity,
    shouldRetry: () => true, // by default, a reset connection or a restarting server is fatal
    // The default doubles without a limit: after an hour's outage it waits up to an hour more.
    retryWait: (retries) => new Promise((resolve) => setTimeout(resolve, waitMs(retries))),
  };
}
