import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Activity, KEPT } from '../../../graphql_api/live/activity.mjs';

const TABLE = { id: 'jobs', nameOf: ({ name }) => name };

function changed(number) {
  const row = { id: 'a', name: 'News', jobCount: number };
  const differences = [{ path: 'jobCount', from: `${number - 1}`, to: `${number}` }];
  return { kind: 'updated', key: 'a', row, fields: new Set(['jobCount']), differences, at: new Date() };
}

test('the last changes are kept, the newest first, and all are counted', () => {
  assert.equal(KEPT, 200);
  const activity = new Activity();
  for (let number = 1; number <= KEPT + 5; number++) activity.add(TABLE, changed(number));
  assert.equal(activity.count, KEPT + 5);
  assert.equal(activity.entries.length, KEPT);
  assert.deepEqual(
    [activity.entries[0].number, activity.entries.at(-1).number],
    [KEPT + 5, 6],
  );
  const [{ name, text }] = activity.entries;
  assert.deepEqual([name, text], ['News', 'jobCount 204 → 205']);
  activity.forget('jobs');
  assert.deepEqual(activity.entries, []);
});
