import assert from 'node:assert/strict';
import { test } from 'node:test';

import { noticeOf } from '../../../graphql_api/live/notice.mjs';
import { overallStatus, sharedProblems, tableStatus } from '../../../graphql_api/live/status.mjs';

const state = (status, rows = 1, problem = null) => ({
  status,
  problem,
  rows: { size: rows },
  statusSince: new Date(),
});
const label = (...known) => tableStatus(...known).label;

test('a table is live only while it is connected, ready and without a problem', () => {
  assert.equal(label(state('READY'), true), 'live');
  assert.equal(label(state('READY'), false), 'not connected');
  assert.equal(label(state('STALE'), true), 'stale');
  assert.equal(label(state('INITIALIZING', 0), true), 'reading');
  assert.equal(label(state('INITIALIZING', 5), true), 'reading again');
  assert.equal(label(state('READY', 1, { code: 'FORBIDDEN', message: 'no' }), true), 'not allowed');
  assert.equal(label(state('READY', 1, { code: 'INTERNAL', message: 'no' }), true), 'interrupted');
});

test('why rows may be old is said wherever there are any', () => {
  for (const [status, isConnected] of [
    ['READY', false],
    ['STALE', true],
    ['INITIALIZING', true],
  ]) {
    assert.notEqual(tableStatus(state(status), isConnected).detail, '');
  }
});

test('all is live only if every table is, and else as the worst of them', () => {
  const ready = state('READY');
  const overall = (...states) => overallStatus(states, 'connected').label;
  assert.equal(overall(ready, ready), 'Live');
  assert.equal(overall(ready, state('INITIALIZING', 0)), 'Reading…');
  assert.equal(overall(state('INITIALIZING', 0), state('STALE')), 'Stale');
  const missing = { ...state('INITIALIZING', 0), reason: 'the database x does not exist' };
  assert.equal(overall(state('STALE'), missing), 'Waiting for the database');
  assert.equal(overall(missing, state('READY', 1, { code: 'X', message: 'no' })), 'Interrupted');
  for (const connection of ['connecting', 'lost', 'refused']) {
    assert.notEqual(overallStatus([ready], connection).tone, 'good');
  }
});

test('a table that a token does not allow says nothing of the others', () => {
  const forbidden = state('INITIALIZING', 0, { code: 'FORBIDDEN', message: 'no' });
  assert.equal(overallStatus([state('READY'), forbidden], 'connected').label, 'Live');
});

test('the reason of the server is shown where a table is waited for', () => {
  const reason = 'the table starbelly.policy does not exist; `graphql-api init` creates it';
  const shown = tableStatus({ ...state('INITIALIZING', 0), reason }, true);
  assert.equal(shown.tone, 'bad');
  assert.equal(shown.detail, `T${reason.slice(1)}.`);
  assert.match(tableStatus({ ...state('STALE'), reason }, true).detail, /does not exist/);
});

test('one notice says the worst: the connection, or why the rows in view may be old', () => {
  const stale = tableStatus(state('STALE'), true);
  assert.equal(noticeOf('connected', null, tableStatus(state('READY'), true), true), null);
  assert.equal(noticeOf('connected', null, stale, true).text, stale.detail);
  assert.equal(noticeOf('connected', null, stale, false), null); // its place says it
  assert.equal(noticeOf('lost', new Date(), stale, true).action, 'try');
});

test('what is wrong with several tables is said once, with their names', () => {
  const tables = ['Jobs', 'Policies', 'Schedules'].map((title) => ({ title, stored: title }));
  const said = (...problems) =>
    sharedProblems(tables, new Map(problems.map((problem, index) => [tables[index].stored, { problem }])));
  assert.deepEqual([...said('no way', 'no way', 'no way')], [['no way', 'All tables: no way.']]);
  assert.deepEqual([...said('no way', 'dropped', 'no way')], [['no way', 'Jobs, Schedules: no way.']]);
  assert.equal(said('no way', null, 'dropped').size, 0);
});
