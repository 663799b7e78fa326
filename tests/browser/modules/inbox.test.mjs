import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Inbox, PART_MS } from '../../../graphql_api/live/inbox.mjs';

/** An inbox whose items take a millisecond each; what it does later is done by `run`. */
function made(isHidden = () => false) {
  let now = 0;
  const tasks = [];
  const seen = [];
  const parts = [];
  const apply = (item) => {
    now += 1;
    seen.push(item);
  };
  const options = { isHidden, clock: () => now, later: (act) => tasks.push(act) };
  const inbox = new Inbox(apply, () => parts.push(seen.length), options);
  return { inbox, seen, parts, tasks, run: () => tasks.shift()() };
}

const range = (count) => Array.from({ length: count }, (_, index) => index);

test('items are applied in their order, in parts with other tasks between them', () => {
  const { inbox, seen, parts, tasks, run } = made();
  for (const item of range(PART_MS + 2)) inbox.put(item);
  assert.deepEqual(seen, []);
  run();
  assert.deepEqual(parts, [PART_MS]);
  inbox.put(PART_MS + 2);
  run();
  assert.deepEqual(seen, range(PART_MS + 3));
  assert.deepEqual(parts, [PART_MS, PART_MS + 3]);
  assert.equal(tasks.length, 0);
});

test('a page that is hidden, and has slow timers, keeps nothing', () => {
  let isHidden = false;
  const { inbox, seen, run } = made(() => isHidden);
  for (const item of range(3 * PART_MS)) inbox.put(item);
  isHidden = true;
  inbox.put(3 * PART_MS);
  assert.deepEqual(seen, range(3 * PART_MS + 1));
  run(); // the task that was to apply the rest finds nothing
  assert.deepEqual(seen, range(3 * PART_MS + 1));
});
