import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MARK_MS, ShownRows } from '../../../graphql_api/live/shown_rows.mjs';
import { tableOf } from '../../../graphql_api/live/tables.mjs';
import { TableState } from '../../../graphql_api/live/table_state.mjs';
import { readView, viewOf } from '../../../graphql_api/live/url_state.mjs';

const beside = { policyName: () => null, rates: () => [] };
const TABLES = JSON.parse(process.env.DECLARED).map((declared) => tableOf(declared, beside));
const SCHEDULES = TABLES.find(({ id }) => id === 'schedules');

const schedule = (id, values = {}) => ({
  id,
  scheduleName: id,
  enabled: true,
  jobCount: 0,
  tags: [],
  policyId: null,
  invalidFields: [],
  ...values,
});
const event = (kind, row, ...changedFields) => ({
  __typename: `Schedule${kind}`,
  changedFields,
  ...(kind === 'Deleted' ? { scheduleId: row.id } : { schedule: row }),
});

/** A table with these rows, as a URL shows it. */
function shown(search, ...rows) {
  const state = new TableState(SCHEDULES);
  state.apply({ __typename: 'FeedState', status: 'INITIALIZING' });
  for (const row of rows) state.apply(event('Added', row));
  state.apply({ __typename: 'FeedState', status: 'READY' });
  const view = readView(`?table=schedules&${search}`, TABLES);
  const made = new ShownRows(SCHEDULES, state, view);
  const take = (...arguments_) => made.take(state.apply(event(...arguments_)));
  const keys = () => Array.from({ length: made.length }, (_, index) => made.at(index).key);
  return { made, state, take, keys };
}

test('rows stand in the order of the table, or of the column that the URL names', () => {
  const rows = [
    schedule('b', { jobCount: 10 }),
    schedule('a10', { jobCount: null }),
    schedule('a9', { jobCount: 9 }),
  ];
  assert.deepEqual(shown('', ...rows).keys(), ['a9', 'a10', 'b']);
  assert.deepEqual(shown('sort=jobs', ...rows).keys(), ['a9', 'b', 'a10']);
  assert.deepEqual(shown('sort=-jobs', ...rows).keys(), ['b', 'a9', 'a10']);
});

test('a change moves a row to its place, and in and out of what is filtered', () => {
  const { take, keys, made } = shown('where=enabled%3Dtrue', schedule('b'), schedule('c'));
  take('Updated', schedule('b', { scheduleName: 'x' }), 'scheduleName');
  assert.deepEqual(keys(), ['c', 'b']);
  assert.equal(made.indexOf('b'), 1);
  take('Updated', schedule('c', { enabled: false }), 'enabled');
  assert.deepEqual(keys(), ['b']);
  take('Added', schedule('a'));
  assert.deepEqual(keys(), ['a', 'b']);
});

test('a deleted row stays until its mark is over, unless it is there again', () => {
  const { take, keys, made } = shown('', schedule('a'), schedule('b'));
  take('Deleted', schedule('a'));
  take('Deleted', schedule('b'));
  take('Added', schedule('b'));
  assert.equal(made.change('a').kind, 'deleted');
  made.settle(Date.now() + MARK_MS - 1_000);
  assert.deepEqual(keys(), ['a', 'b']);
  made.settle(Date.now() + MARK_MS + 1_000);
  assert.deepEqual(keys(), ['b']);
});

test('nothing moves during a pause, and all is there after it', () => {
  const { take, keys, made } = shown('', schedule('a'), schedule('b'));
  made.pause(true);
  take('Deleted', schedule('a'));
  take('Added', schedule('c'));
  assert.deepEqual(keys(), ['a', 'b']);
  assert.equal(made.waiting, 2);
  made.pause(false);
  assert.deepEqual(keys(), ['b', 'c']);
  assert.equal(made.waiting, 0);
});

test('thousands of random changes leave what sorting all rows again gives', () => {
  const { take, keys, state } = shown('sort=jobs&where=enabled%3Dtrue');
  let seed = 1;
  const random = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let step = 0; step < 3_000; step++) {
    const row = schedule(`${random(100)}`, { jobCount: random(20), enabled: random(3) > 0 });
    if (random(5)) take(state.rows.has(row.id) ? 'Updated' : 'Added', row);
    else if (state.rows.has(row.id) && !state.rows.get(row.id).enabled) take('Deleted', row);
  }
  const expected = new ShownRows(SCHEDULES, state, readView('?table=schedules&sort=jobs&where=enabled%3Dtrue', TABLES));
  assert.deepEqual(
    keys(),
    Array.from({ length: expected.length }, (_, index) => expected.at(index).key),
  );
});

test('a page that is opened in a pause has the rows of the first snapshot', () => {
  const state = new TableState(SCHEDULES);
  const made = new ShownRows(SCHEDULES, state, readView('?table=schedules', TABLES));
  made.pause(true);
  state.apply({ __typename: 'FeedState', status: 'INITIALIZING' });
  made.take(state.apply(event('Added', schedule('a'))));
  assert.deepEqual([made.length, made.waiting], [1, 0]);
});

test('another table is seen without the search and filters of the one before', () => {
  const view = viewOf('jobs', readView('?table=schedules&q=x&paused=1&row=a', TABLES));
  assert.deepEqual(view, { table: 'jobs', query: '', where: [], sort: null, isPaused: true, row: null });
});
