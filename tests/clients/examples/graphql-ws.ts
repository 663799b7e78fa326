/** A list that graphql-ws alone keeps live, without a cache or a framework. */

import type { Client } from 'graphql-ws';
import type { PolicyChangesSubscription, PolicyFilter } from './gql/graphql';

import { print } from 'graphql';

import { POLICY_CHANGES, type PolicyPage, applied } from './policies';

// docs/frontend.md shows what begins here
export async function keepLive(
  socket: Client,
  where: PolicyFilter,
  show: (page: PolicyPage) => void,
) {
  let page: PolicyPage = { status: 'INITIALIZING', cursor: '', items: [] };
  const request = { query: print(POLICY_CHANGES), variables: { where } };
  for await (const { data, errors } of socket.iterate<PolicyChangesSubscription>(request)) {
    if (!data) throw new Error(errors?.[0]?.message);
    page = applied(page, data.policyChanges);
    show(page);
  }
}
// docs/frontend.md shows what ends here
