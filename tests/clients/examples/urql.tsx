/** A list that urql and its normalised cache, Graphcache, keep live. */

import type { Cache, KeyingConfig } from '@urql/exchange-graphcache';
import type { Client as SocketClient } from 'graphql-ws';
import type { PolicyChangesSubscription, PolicyChangesSubscriptionVariables } from './gql/graphql';

import { cacheExchange } from '@urql/exchange-graphcache';
import { Client, fetchExchange, subscriptionExchange, useQuery, useSubscription } from 'urql';

import { POLICIES, POLICY_CHANGES, applied } from './policies';
import { PolicyRows } from './policy-rows';

/** What has no key in the cache, since it belongs to what it is in. */
export const embedded = () => null;

export function createCache(keys: KeyingConfig = {}) {
  return cacheExchange({
    keys: {
      FeedState: embedded,
      PolicyPage: embedded,
      PolicyAdded: embedded,
      PolicyUpdated: embedded,
      PolicyDeleted: embedded,
      ...keys,
    },
    updates: { Subscription: { policyChanges } },
  });
}

// docs/frontend.md shows what begins here
function policyChanges(
  { policyChanges: change }: PolicyChangesSubscription,
  { where }: PolicyChangesSubscriptionVariables,
  cache: Cache,
) {
  cache.updateQuery({ query: POLICIES, variables: { where } }, (data) =>
    data && { policies: applied(data.policies, change) },
  );
  if (change.__typename === 'PolicyDeleted' && change.cause === 'DELETED') {
    const deleted = cache.keyOfEntity({ __typename: 'Policy', id: change.policyId });
    if (deleted) cache.invalidate(deleted);
  }
}

export function PolicyList({ nameContains }: { nameContains: string }) {
  const where = { nameContains };
  const [{ data, error }] = useQuery({ query: POLICIES, variables: { where } });
  const since = data?.policies.cursor;
  useSubscription({ query: POLICY_CHANGES, variables: { where, since }, pause: !since });

  if (error) return <p role="alert">{error.message}</p>;
  return data ? <PolicyRows page={data.policies} /> : <p>Loading</p>;
}
// docs/frontend.md shows what ends here

export function createUrqlClient(url: string, socket: SocketClient, cache = createCache()) {
  const subscriptions = subscriptionExchange({
    forwardSubscription: ({ query = '', variables }) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
    }),
  });
  return new Client({ url, exchanges: [cache, fetchExchange, subscriptions] });
}
