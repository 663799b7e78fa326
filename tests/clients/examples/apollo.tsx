/** A list that Apollo Client keeps live. */

import type { Client as SocketClient } from 'graphql-ws';

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { useQuery } from '@apollo/client/react';
import { OperationTypeNode } from 'graphql';
import { useEffect } from 'react';

import { POLICIES, POLICY_CHANGES, applied } from './policies';
import { PolicyRows } from './policy-rows';

export function createApolloClient(
  uri: string,
  socket: SocketClient,
  cache = new InMemoryCache(),
) {
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri }),
  );
  return new ApolloClient({ cache, link });
}

/** A cache for several lists that can hold the same row. */
export function createSharedCache() {
  return new InMemoryCache({ typePolicies: { Policy: { keyFields: false } } });
}

// docs/frontend.md shows what begins here
export function PolicyList({ nameContains }: { nameContains: string }) {
  const { client, data, error, subscribeToMore } = useQuery(POLICIES, {
    variables: { where: { nameContains } },
  });
  const since = data?.policies.cursor;
  useEffect(() => {
    if (since === undefined) return;
    return subscribeToMore({
      document: POLICY_CHANGES,
      variables: { where: { nameContains }, since },
      updateQuery(_, { complete, previousData, subscriptionData }) {
        const change = subscriptionData.data.policyChanges;
        if (change.__typename === 'PolicyDeleted' && change.cause === 'DELETED') {
          const deleted = { __typename: 'Policy', id: change.policyId };
          client.cache.evict({ id: client.cache.identify(deleted) });
          client.cache.gc();
        }
        return complete ? { policies: applied(previousData.policies, change) } : undefined;
      },
    });
  }, [client, nameContains, since, subscribeToMore]);

  if (error) return <p role="alert">{error.message}</p>;
  return data ? <PolicyRows page={data.policies} /> : <p>Loading</p>;
}
// docs/frontend.md shows what ends here
