import assert from 'node:assert/strict';
import { test } from 'node:test';

import { tableOf } from '../../../graphql_api/live/tables.mjs';
import { TableState } from '../../../graphql_api/live/table_state.mjs';

const [, POLICIES, , LOGINS] = JSON.parse(process.env.DECLARED).map(tableOf);

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

/** What is pending, as it is when it has been drawn. */
function taken(state) {
  const pending = new Map(state.pending);
  state.pending.clear();
  return pending;
}

const kinds = (state) => [...taken(state)].map(([key, mark]) => [key, mark?.kind ?? null]);

test('rows of a snapshot are shown with its end, and without marks', () => {
  const state = after(status('INITIALIZING'), added('a', 'A'), added('b', 'B'));
  assert.equal(state.rows.size, 0);
  assert.equal(state.count, 2);
  assert.deepEqual(kinds(state), []);
  state.apply(status('READY'));
  assert.deepEqual([...state.rows.keys()], ['a', 'b']);
  assert.deepEqual(kinds(state), [
    ['a', null],
    ['b', null],
  ]);
});

test('a snapshot may end stale', () => {
  const state = after(status('INITIALIZING'), added('a', 'A'), status('STALE'));
  assert.deepEqual([...state.rows.keys()], ['a']);
  assert.equal(state.status, 'STALE');
});

test('a second snapshot replaces the first, whose rows stay until it is complete', () => {
  const state = ready('a', 'b');
  taken(state);
  state.apply(status('INITIALIZING'));
  state.apply(added('b', 'B'));
  assert.deepEqual([...state.rows.keys()], ['a', 'b']);
  state.apply(status('READY'));
  assert.deepEqual([...state.rows.keys()], ['b']);
  assert.deepEqual(kinds(state), [
    ['a', null],
    ['b', null],
  ]);
});

test('a snapshot that begins again forgets what it had', () => {
  const state = after(status('INITIALIZING'), added('a', 'A'), status('INITIALIZING'));
  state.apply(added('b', 'B'));
  state.apply(status('READY'));
  assert.deepEqual([...state.rows.keys()], ['b']);
});

test('changes are marked, and named', () => {
  const state = ready('a', 'b');
  taken(state);
  assert.equal(state.apply(added('c', 'C')), 'added');
  assert.equal(state.apply(updated('a', 'A2', 'name', 'limits')), 'updated');
  assert.equal(state.apply(deleted('b')), 'deleted');
  assert.equal(state.apply(status('STALE')), null);
  assert.equal(state.rows.get('a').name, 'A2');
  assert.deepEqual([...state.rows.keys()], ['a', 'c']);
  const pending = taken(state);
  assert.deepEqual([...pending.get('a').fields], ['name', 'limits']);
  assert.deepEqual([...pending].map(([key, { kind }]) => [key, kind]).sort(), [
    ['a', 'updated'],
    ['b', 'deleted'],
    ['c', 'added'],
  ]);
  assert.equal(taken(state).size, 0);
});

test('changes that were not drawn yet become one mark', () => {
  const state = ready('a');
  taken(state);
  state.apply(updated('a', 'A', 'name'));
  state.apply(updated('a', 'A', 'limits'));
  state.apply(added('b', 'B'));
  state.apply(updated('b', 'B2', 'name'));
  const pending = taken(state);
  assert.deepEqual([...pending.get('a').fields].sort(), ['limits', 'name']);
  assert.equal(pending.get('b').kind, 'added');
});

test('a row that was deleted and made again has changed', () => {
  const state = ready('a');
  taken(state);
  state.apply(deleted('a'));
  state.apply(added('a', 'A'));
  assert.deepEqual(kinds(state), [['a', 'updated']]);
});

test('a row that came again and went again, all of it unseen, leaves the page', () => {
  const state = ready('a');
  taken(state);
  for (const event of [status('INITIALIZING'), status('READY'), added('a', 'A'), deleted('a')]) {
    state.apply(event);
  }
  assert.deepEqual(kinds(state), [['a', 'deleted']]);
});

test('what is pending stays as small as the table', () => {
  const state = ready('a');
  taken(state);
  for (let number = 0; number < 1000; number++) {
    state.apply(updated('a', `${number}`, 'name'));
    state.apply(added(`passing ${number}`, ''));
    state.apply(deleted(`passing ${number}`));
  }
  assert.deepEqual([...state.pending.keys()], ['a']);
});

test('of a table that may not be read nothing is kept', () => {
  const state = ready('a');
  taken(state);
  state.fail({ code: 'FORBIDDEN', message: 'no' }, { forget: true });
  assert.equal(state.rows.size, 0);
  assert.deepEqual(kinds(state), [['a', null]]);
  state.apply(status('INITIALIZING'));
  assert.equal(state.problem, null);
});

test('another problem leaves the rows until the next event', () => {
  const state = ready('a');
  state.fail({ code: 'INTERNAL', message: 'sorry' }, { forget: false });
  assert.deepEqual([...state.rows.keys()], ['a']);
});

test('a domain is its key', () => {
  const state = new TableState(LOGINS);
  const domainLogin = { id: 'example.com' };
  state.apply(status('READY'));
  state.apply({ __typename: 'DomainLoginAdded', domainLogin });
  assert.deepEqual([...state.rows.keys()], ['example.com']);
  state.apply({ __typename: 'DomainLoginDeleted', domain: 'example.com' });
  assert.equal(state.rows.size, 0);
});

test('rows that show what has changed elsewhere are drawn again, and keep their marks', () => {
  const state = ready('a', 'b', 'c');
  taken(state);
  state.apply(updated('a', 'A', 'name'));
  state.touch(({ id }) => id !== 'c');
  assert.deepEqual(kinds(state), [
    ['a', 'updated'],
    ['b', null],
  ]);
});
