import assert from 'node:assert/strict';
import { test } from 'node:test';

import { resuming } from './resume.js';

const next = (id, value) => ({ id, type: 'next', payload: { data: { policyChanges: value } } });

test('the last cursor of each operation is handed back', () => {
  const { connectionParams, on } = resuming();
  assert.deepEqual(connectionParams(), { since: {} });
  on.message({ type: 'connection_ack' });
  on.message({ type: 'ping', payload: {} });
  on.message(next('a', { cursor: '1' }));
  on.message(next('b', { cursor: '2' }));
  on.message(next('a', { cursor: '3' }));
  assert.deepEqual(connectionParams(), { since: { a: '3', b: '2' } });
});

test('an operation that is over is forgotten', () => {
  const { connectionParams, on } = resuming();
  on.message(next('a', { cursor: '1' }));
  on.message(next('b', { cursor: '2' }));
  on.message({ id: 'a', type: 'complete' });
  on.message({ id: 'b', type: 'error', payload: [{ message: 'no' }] });
  assert.deepEqual(connectionParams(), { since: {} });
});

test('after an event without a cursor there is nothing to resume from', () => {
  const { connectionParams, on } = resuming();
  const payloads = [{ data: { a: {} } }, { data: { a: null } }, { data: null }, { errors: [] }];
  for (const payload of payloads) {
    on.message(next('a', { cursor: '1' }));
    on.message({ id: 'a', type: 'next', payload });
    assert.deepEqual(connectionParams(), { since: {} });
  }
});

test('the map stays small, and keeps those that were heard of last', () => {
  const { connectionParams, on } = resuming(3);
  on.message(next('kept', { cursor: 'old' }));
  for (let number = 0; number < 1000; number++) {
    on.message(next(`unsubscribed ${number}`, { cursor: 'c' }));
    on.message(next('kept', { cursor: `${number}` }));
  }
  const { since } = connectionParams();
  assert.equal(Object.keys(since).length, 3);
  assert.equal(since.kept, '999');
});
