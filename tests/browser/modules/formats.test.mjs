import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Activity, KEPT } from '../../../graphql_api/live/activity.mjs';
import { differences, summaryOf } from '../../../graphql_api/live/differences.mjs';
import { brief, duration, relative } from '../../../graphql_api/live/formats.mjs';
import { Rates } from '../../../graphql_api/live/rates.mjs';

test('a time is as long ago as it is', () => {
  const now = Date.parse('2026-11-29T12:00:00Z');
  const ago = (iso) => relative(iso, now);
  assert.equal(ago('2026-11-29T11:59:59.500Z'), 'now');
  assert.equal(ago('2026-11-29T11:59:50Z'), '10 s ago');
  assert.equal(ago('2026-11-29T11:01:00Z'), '59 min ago');
  assert.equal(ago('2026-11-28T11:00:00Z'), '1 d ago');
  assert.equal(ago('2026-11-29T14:00:00Z'), 'in 2 h');
  assert.match(ago('2025-11-29T12:00:00Z'), /2025/);
});

test('a duration has its two greatest units', () => {
  assert.deepEqual([90, 3_600, 93_784, 0].map(duration), ['1 min 30 s', '1 h', '1 d 2 h', '0 s']);
});

test('a change is told by its values, down to the parts that differ', () => {
  const before = { jobCount: 3, limits: { maxItems: 500, maxCost: 10 }, tags: ['a'] };
  const after = { jobCount: 4, limits: { maxItems: 800, maxCost: 10 }, tags: ['a', 'b'] };
  const found = differences(before, after, ['jobCount', 'limits', 'tags', 'updatedAt', 'seeds']);
  assert.equal(
    summaryOf({ kind: 'updated', differences: found }),
    'jobCount 3 → 4, limits.maxItems 500 → 800, tags a → a, b, seeds changed',
  );
  assert.equal(summaryOf({ kind: 'added', differences: [] }), 'new');
});

test('a value of any kind and length is told in a few words', () => {
  for (const value of [null, '', 'x'.repeat(9_999), [{}], [], { a: 1 }, 1e21, true]) {
    assert.ok(brief(value).length < 80 && brief(value).length > 0);
  }
});

test('the activity has the newest changes first, and no more than it keeps', () => {
  const activity = new Activity();
  const table = { id: 't', nameOf: ({ id }) => id };
  for (let number = 0; number < KEPT + 50; number++) {
    const change = { kind: 'added', key: `${number}`, row: { id: `${number}` }, differences: [], at: new Date() };
    activity.add(table, change);
  }
  assert.equal(activity.entries.length, KEPT);
  assert.equal(activity.entries[0].name, `${KEPT + 49}`);
  assert.equal(activity.count, KEPT + 50);
});

test('a rate is that of the items between two changes, and begins again with the count', () => {
  const rates = new Rates();
  const at = (seconds) => new Date(seconds * 1000);
  rates.add('j', 100, at(0));
  rates.add('j', 150, at(1));
  rates.add('j', 150, at(2));
  rates.add('j', 350, at(3));
  assert.deepEqual(rates.of('j'), [50, 100]);
  rates.add('j', 10, at(4));
  assert.deepEqual(rates.of('j'), []);
});
