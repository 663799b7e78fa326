import type { Client as SocketClient } from 'graphql-ws';

import { createCollection, useLiveQuery } from '@tanstack/react-db';
import { print } from 'graphql';
import { liveCollectionOptions } from 'graphql-api-client/tanstack-db';
import { useEffect, useState } from 'react';

import type { Policy } from './rows';

import { POLICIES } from './policies';
import { PolicyRows } from './rows';

/** A collection; it says how it stands by the events of FeedState that pass. */
export function createPolicies(socket: SocketClient, nameContains: string) {
  const status = { current: 'INITIALIZING', notify: () => {} };
  const client: Pick<SocketClient, 'subscribe'> = {
    subscribe(payload, sink) {
      return socket.subscribe<{ policyChanges: { status?: string } }>(payload, {
        ...sink,
        next(result) {
          sink.next(result as never);
          status.current = result.data?.policyChanges.status ?? status.current;
          status.notify();
        },
      });
    },
  };
  const query = print(POLICIES);
  const variables = { where: { nameContains } };
  const options = liveCollectionOptions<Policy>({ client, query, variables });
  return { policies: createCollection(options), status };
}

type Policies = ReturnType<typeof createPolicies>;

export function PolicyList({ policies, status }: Policies) {
  const { data } = useLiveQuery((q) =>
    q
      .from({ policy: policies })
      .orderBy(({ policy }) => policy.name, { stringSort: 'lexical', nulls: 'last' })
      .orderBy(({ policy }) => policy.id, { stringSort: 'lexical' }),
  );
  const [shown, show] = useState(status.current);
  useEffect(() => {
    status.notify = () => show(status.current);
    status.notify();
  }, [status]);
  return <PolicyRows rows={data} status={shown as 'READY'} />;
}
