import assert from 'node:assert/strict';
import { test } from 'node:test';

import { tableStatus } from '../../../graphql_api/live/status.mjs';

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
