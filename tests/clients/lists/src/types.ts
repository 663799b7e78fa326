/** What the types of the client package say. It is compiled, and does not run. */

import type { LiveList, LiveListStore } from 'graphql-api-client';
import type { Readable } from 'svelte/store';

import { gql } from '@apollo/client';
import { createCollection } from '@tanstack/react-db';
import { applyEvent, emptyList, liveList, resuming } from 'graphql-api-client';
import { useLiveList } from 'graphql-api-client/apollo';
import { liveCollectionOptions } from 'graphql-api-client/tanstack-db';
import { useLiveList as useUrqlList } from 'graphql-api-client/urql';
import { createClient } from 'graphql-ws';

import type { Policy } from './rows';

import { LOGINS, POLICIES, SCHEDULES } from './policies';

/** Compiles only if the two types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>) => {};

// A row is what the document selects, of any table.
const policies = useLiveList(POLICIES, { variables: { where: { nameContains: 'a' } } });
const name: string | null | undefined = policies.rows[0]?.name;
const schedules = useUrqlList(SCHEDULES, { orderBy: 'enabled' });
const policyName: string | null | undefined = schedules.rows[0]?.policy?.name;
const users = useLiveList(LOGINS).rows[0]?.users?.map(({ username }) => username);
// @ts-expect-error: not selected
policies.rows[0]?.createdAt;
// @ts-expect-error: the server has no such variable
useLiveList(POLICIES, { variables: { where: { nameContain: 'a' } } });
// @ts-expect-error: not selected
useLiveList(POLICIES, { orderBy: 'createdAt' });

// Without types the row is what its user says.
const untyped = useLiveList<Policy>(gql`subscription { policyChanges { __typename } }`);
same<typeof untyped, LiveList<Policy>>(true);

// What serves the list fits what it is given to.
const client = createClient({ url: '', ...resuming(() => ({ authorization: 'Bearer …' })) });
const store = liveList<Policy>(client, '', { orderBy: 'name' });
same<typeof store, LiveListStore<Policy>>(true);
const readable: Readable<LiveList<Policy>> = store;
const options = liveCollectionOptions<Policy>({ client, query: '', onUpdate: async () => {} });
const row: Policy | undefined = createCollection(options).get('a');
const list: LiveList<Policy> = applyEvent<Policy>(emptyList, {}, 'name');

export const all = [name, policyName, users, readable, row, list];
