import assert from 'node:assert/strict';
import { test } from 'node:test';

import { resuming } from '../../../clients/javascript/resuming.js';

const next = (id, value) => ({ id, type: 'next', payload: { data: { policyChanges: value } } });

test('the last cursor of each operation is handed back', async () => {
  const { connectionParams, on } = resuming();
  assert.deepEqual(await connectionParams(), { since: {} });
  on.message({ type: 'connection_ack' });
  on.message({ type: 'ping', payload: {} });
  on.message(next('a', { cursor: '1' }));
  on.message(next('b', { cursor: '2' }));
  on.message(next('a', { cursor: '3' }));
  assert.deepEqual(await connectionParams(), { since: { a: '3', b: '2' } });
});

test('an operation that is over is forgotten', async () => {
  const { connectionParams, on } = resuming();
  on.message(next('a', { cursor: '1' }));
  on.message(next('b', { cursor: '2' }));
  on.message({ id: 'a', type: 'complete' });
  on.message({ id: 'b', type: 'error', payload: [{ message: 'no' }] });
  assert.deepEqual(await connectionParams(), { since: {} });
});

test('after an event without a cursor there is nothing to resume from', async () => {
  const { connectionParams, on } = resuming();
  const payloads = [{ data: { a: {} } }, { data: { a: null } }, { data: null }, { errors: [] }];
  for (const payload of payloads) {
    on.message(next('a', { cursor: '1' }));
    on.message({ id: 'a', type: 'next', payload });
    assert.deepEqual(await connectionParams(), { since: {} });
  }
});

test('the map stays small, and keeps those that were heard of last', async () => {
  const { connectionParams, on } = resuming(undefined, 3);
  on.message(next('kept', { cursor: 'old' }));
  for (let number = 0; number < 1000; number++) {
    on.message(next(`unsubscribed ${number}`, { cursor: 'c' }));
    on.message(next('kept', { cursor: `${number}` }));
  }
  const { since } = await connectionParams();
  assert.equal(Object.keys(since).length, 3);
  assert.equal(since.kept, '999');
});

test('what else is to be sent is asked for at each connection', async () => {
  let renewed = 0;
  const { connectionParams } = resuming(async () => ({ authorization: `Bearer ${++renewed}` }));
  assert.deepEqual(await connectionParams(), { authorization: 'Bearer 1', since: {} });
  assert.deepEqual(await connectionParams(), { authorization: 'Bearer 2', since: {} });
});

test('however long the server was away, it is tried again within half a minute', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { retryAttempts, retryWait, shouldRetry } = resuming();
  assert.equal(retryAttempts, Infinity);
  assert.ok(shouldRetry());
  for (const [retries, longest] of [[0, 1000], [3, 8000], [20, 30_000], [5000, 30_000]]) {
    let isOver = false;
    const waiting = retryWait(retries).then(() => (isOver = true));
    t.mock.timers.tick(longest / 2 - 1);
    await Promise.resolve();
    assert.ok(!isOver, 'not at once, that clients do not come back all together');
    t.mock.timers.tick(longest / 2 + 1);
    await waiting;
  }
});
