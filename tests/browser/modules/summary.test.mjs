import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

import { sentences, Summary } from '../../../graphql_api/live/summary.mjs';

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
});

/** A live region that keeps everything that it was given to say. */
function region() {
  const said = [];
  return { said, set textContent(text) { said.push(text); } }; // prettier-ignore
}

test('changes are counted by table and kind', () => {
  const counts = new Map([
    ['Policies', { added: 1, updated: 2 }],
    ['Schedules', { deleted: 3 }],
  ]);
  assert.equal(sentences(counts), 'Policies: 1 new, 2 changed. Schedules: 3 deleted.');
});

test('a flood of changes is announced every ten seconds', () => {
  const element = region();
  const summary = new Summary(element);
  for (let number = 0; number < 300; number++) {
    summary.count('Policies', 'updated');
    mock.timers.tick(100);
  }
  assert.equal(element.said.length, 3);
  assert.match(element.said[1], /Policies: 100 changed\.$/);
});

test('one change is announced soon, and once', () => {
  const element = region();
  const summary = new Summary(element);
  summary.count('Policies', 'added');
  mock.timers.tick(1_000);
  mock.timers.tick(60_000);
  assert.equal(element.said.length, 1);
});
