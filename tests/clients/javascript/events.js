/** Events as the server sends them. */

export const state = (status) => ({ __typename: 'FeedState', status, cursor: 'c' });
export const added = (id, name = id) => ({ cause: 'CREATED', cursor: 'c', policy: { id, name } });
export const updated = (id, name) => ({
  __typename: 'PolicyUpdated',
  policy: { id, name },
  previous: { name: 'before', captchaSolverId: 'solver' },
  changedFields: ['name'],
  cursor: 'c',
});
export const deleted = (policyId) => ({
  __typename: 'PolicyDeleted',
  cause: 'LEFT_FILTER',
  previous: { name: 'before', captchaSolverId: 'solver' },
  policyId,
  cursor: 'c',
});
