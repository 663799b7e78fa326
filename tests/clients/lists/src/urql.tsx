import type { Client as SocketClient } from 'graphql-ws';

import { cacheExchange } from '@urql/exchange-graphcache';
import { graphcache } from 'graphql-api-client/graphcache';
import { socketExchange, useLiveList } from 'graphql-api-client/urql';
import { Client } from 'urql';

import { POLICIES } from './policies';
import { PolicyRows } from './rows';

export function createUrqlClient(socket: SocketClient) {
  const exchanges = [cacheExchange(graphcache), socketExchange(socket)];
  return new Client({ url: '/graphql', exchanges });
}

export function PolicyList({ nameContains }: { nameContains: string }) {
  const variables = { where: { nameContains } };
  return <PolicyRows {...useLiveList(POLICIES, { variables, orderBy: 'name' })} />;
}
