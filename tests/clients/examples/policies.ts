/** What every client here asks for, typed by graphql-codegen, and what it makes of each change. */

import type { PoliciesQuery, PolicyChangesSubscription } from './gql/graphql';

import { graphql } from './gql';

// docs/frontend.md shows what begins here
export const POLICIES = graphql(`
  query Policies($where: PolicyFilter) {
    policies(where: $where, limit: 1000) { status cursor items { id name } }
  }
`);

export const POLICY_CHANGES = graphql(`
  subscription PolicyChanges($where: PolicyFilter, $since: String) {
    policyChanges(where: $where, since: $since) {
      __typename
      ... on FeedState { status cursor }
      ... on PolicyAdded { policy { id name } cursor }
      ... on PolicyUpdated { policy { id name } cursor }
      ... on PolicyDeleted { cause policyId cursor }
    }
  }
`);

export type PolicyPage = PoliciesQuery['policies'];
export type PolicyChange = PolicyChangesSubscription['policyChanges'];

/** A page after a change: the same rows as the server's page, in the same order. */
export function applied(page: PolicyPage, change: PolicyChange): PolicyPage {
  switch (change.__typename) {
    case 'FeedState':
      return change.status === 'INITIALIZING'
        ? { ...page, status: change.status, items: [] } // the client forgets its rows
        : { ...page, status: change.status };
    case 'PolicyAdded':
    case 'PolicyUpdated':
      return { ...page, items: [...without(change.policy.id), change.policy].sort(byName) };
    case 'PolicyDeleted':
      return { ...page, items: without(change.policyId) };
    default:
      return assertNever(change); // compiles only if each member of the union has a case
  }

  function without(id: string) {
    return page.items.filter((policy) => policy.id !== id);
  }
}
// docs/frontend.md shows what ends here

function assertNever(change: never): never {
  throw new Error(`unknown event: ${JSON.stringify(change)}`);
}

type Policy = PolicyPage['items'][number];

/** The order of the server's pages: by name, then by key; what has no name comes last. */
function byName(a: Policy, b: Policy): number {
  return (
    Number(a.name == null) - Number(b.name == null) ||
    compare(a.name ?? '', b.name ?? '') ||
    compare(a.id, b.id)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
