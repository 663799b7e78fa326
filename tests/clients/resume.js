// The README shows what begins here
/**
 * Options for graphql-ws's createClient by which every subscription goes on after a reconnect where
 * it was. Select `cursor` in every member of the union: one without means a snapshot next time.
 *
 * @param {() => object | Promise<object>} [otherParams] gives what else connection_init should have,
 *   such as `{ authorization: 'Bearer …' }`; it is asked anew for each connection
 * @returns {Partial<import('graphql-ws').ClientOptions>}
 */
export function resuming(otherParams = () => ({}), maxOperations = 200) {
  const since = new Map(); // the last cursor by operation id; the quietest comes first
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
    shouldRetry: () => true, // else a reset connection, or a server that restarts, is the end
    retryWait(retries) {
      // By itself it doubles without end: after an hour's outage, up to an hour more.
      const longest = Math.min(1000 * 2 ** retries, 30_000);
      return new Promise((resolve) => setTimeout(resolve, longest * (1 - Math.random() / 2)));
    },
  };
}
// The README shows what ends here
