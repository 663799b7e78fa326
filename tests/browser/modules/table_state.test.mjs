import assert from 'node:assert/strict';
import { test } from 'node:test';

import { tableOf } from '../../../graphql_api/live/tables.mjs';
import { TableState } from '../../../graphql_api/live/table_state.mjs';

const [, POLICIES, , LOGINS] = JSON.parse(process.env.DECLARED).map((declared) => tableOf(declared));

const status = (status) => ({ __typename: 'FeedState', status });
const added = (id, name) => ({ __typename: 'PolicyAdded', policy: { id, name } });
const updated = (id, name, ...changedFields) => ({
  __typename: 'PolicyUpdated',
  changedFields,
  policy: { id, name },
});
const deleted = (policyId) => ({ __typename: 'PolicyDeleted', policyId });

function after(...events) {
  const state = new TableState(POLICIES);
  for (const event of events) state.apply(event);
  return state;
}

const ready = (...rows) =>
  after(status('INITIALIZING'), ...rows.map((id) => added(id, id)), status('READY'));

const keys = (state) => [...state.rows.keys()];

test('rows of the first snapshot are shown as they come, and are no changes', () => {
  const state = after(status('INITIALIZING'));
  assert.equal(state.apply(added('a', 'A')).kind, 'read');
  assert.equal(state.apply(added('b', 'B')).kind, 'read');
  assert.deepEqual(keys(state), ['a', 'b']);
  assert.ok(state.isFirstReading);
  assert.equal(state.apply(status('READY')), null);
  assert.deepEqual(keys(state), ['a', 'b']);
  assert.ok(!state.isFirstReading);
  assert.equal(state.lastChanges.size, 0);
});

test('a snapshot may end stale', () => {
  const state = after(status('INITIALIZING'), added('a', 'A'), status('STALE'));
  assert.deepEqual(keys(state), ['a']);
  assert.equal(state.status, 'STALE');
});

test('a second snapshot replaces the first, whose rows stay until it is complete', () => {
  const state = ready('a', 'b');
  state.apply(updated('a', 'A', 'name'));
  state.apply(status('INITIALIZING'));
  state.apply(added('b', 'B'));
  assert.deepEqual(keys(state), ['a', 'b']);
  assert.equal(state.apply(status('READY')), 'replaced');
  assert.deepEqual(keys(state), ['b']);
  assert.deepEqual([...state.lastChanges.keys()], []);
});

test('a snapshot that begins again forgets what it had', () => {
  const state = after(status('INITIALIZING'), added('a', 'A'), status('INITIALIZING'));
  assert.equal(state.apply(added('b', 'B')), null);
  assert.deepEqual(keys(state), ['a']);
  assert.equal(state.apply(status('READY')), 'replaced');
  assert.deepEqual(keys(state), ['b']);
});

test('a change says what it has changed, from what to what', () => {
  const state = ready('a', 'b');
  const change = state.apply(updated('a', 'A2', 'name', 'urlRules'));
  assert.equal(change.kind, 'updated');
  assert.deepEqual(change.differences, [{ path: 'name', from: 'a', to: 'A2' }, { path: 'urlRules' }]);
  assert.equal(state.apply(added('c', 'C')).kind, 'added');
  assert.equal(state.apply(status('STALE')), null);
  assert.deepEqual([...state.lastChanges.keys()], ['a', 'c']);
});

test('a deletion has the row as it was', () => {
  const state = ready('a');
  const change = state.apply(deleted('a'));
  assert.equal(change.kind, 'deleted');
  assert.deepEqual(change.row, { id: 'a', name: 'a' });
  assert.deepEqual([keys(state), state.lastChanges.size], [[], 0]);
});

test('what is kept of changes stays as small as the table', () => {
  const state = ready('a');
  for (let number = 0; number < 1000; number++) {
    state.apply(updated('a', `${number}`, 'name'));
    state.apply(added(`passing ${number}`, ''));
    state.apply(deleted(`passing ${number}`));
  }
  assert.deepEqual([...state.lastChanges.keys()], ['a']);
});

test('of a table that may not be read nothing is kept', () => {
  const state = ready('a');
  state.apply(updated('a', 'A', 'name'));
  const problem = { code: 'FORBIDDEN', message: 'no' };
  assert.equal(state.fail(problem, { forget: true }), 'replaced');
  assert.equal(state.rows.size, 0);
  assert.equal(state.lastChanges.size, 0);
  state.apply(status('INITIALIZING'));
  assert.equal(state.problem, null);
});

test('another problem leaves the rows until the next event', () => {
  const state = ready('a');
  assert.equal(state.fail({ code: 'INTERNAL', message: 'sorry' }, { forget: false }), null);
  assert.deepEqual(keys(state), ['a']);
});

test('a domain is its key', () => {
  const state = new TableState(LOGINS);
  const domainLogin = { id: 'example.com' };
  state.apply(status('READY'));
  state.apply({ __typename: 'DomainLoginAdded', domainLogin });
  assert.deepEqual(keys(state), ['example.com']);
  state.apply({ __typename: 'DomainLoginDeleted', domain: 'example.com' });
  assert.equal(state.rows.size, 0);
});
