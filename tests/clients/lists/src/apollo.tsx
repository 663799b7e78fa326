import type { Client as SocketClient } from 'graphql-ws';

import { ApolloClient, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { useLiveList } from 'graphql-api-client/apollo';
import { possibleTypes } from 'graphql-api-client/possible-types';

import { POLICIES } from './policies';
import { PolicyRows } from './rows';

export function createApolloClient(socket: SocketClient) {
  return new ApolloClient({
    link: new GraphQLWsLink(socket),
    cache: new InMemoryCache({ possibleTypes }),
  });
}

export function PolicyList({ nameContains }: { nameContains: string }) {
  const variables = { where: { nameContains } };
  return <PolicyRows {...useLiveList(POLICIES, { variables, orderBy: 'name' })} />;
}
