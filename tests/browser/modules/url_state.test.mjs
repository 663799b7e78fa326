import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chipsOf, matcher, textFilters } from '../../../graphql_api/live/filters.mjs';
import { tableOf } from '../../../graphql_api/live/tables.mjs';
import { readView, writeView } from '../../../graphql_api/live/url_state.mjs';

const TABLES = JSON.parse(process.env.DECLARED).map((declared) => tableOf(declared));
const [JOBS, , SCHEDULES] = TABLES;

test('a view is the same after it was written and read', () => {
  const view = {
    table: 'jobs',
    query: 'a & b=c',
    where: [
      ['state', 'running'],
      ['tag', 'a=b'],
    ],
    sort: '-started',
    isPaused: true,
    row: '#1?',
  };
  assert.deepEqual(readView(writeView(view), TABLES), view);
});

test('what fits no table is left out of a view', () => {
  const view = readView('?table=nothing&where=color%3Dred&sort=-color', TABLES);
  assert.deepEqual(view, readView('', TABLES));
});

test('every filter of the schema is a chip or takes a text', () => {
  for (const table of TABLES) {
    const keys = new Set([...chipsOf(table), ...textFilters(table)].map(({ key }) => key));
    assert.deepEqual([...keys].sort(), table.filters.map(({ key }) => key).sort());
  }
});

test('rows are filtered as the schema filters them', () => {
  const matches = (table, row, query, ...where) => matcher(table, { query, where })(row);
  const job = { id: 'j', name: 'News #1', runState: 'RUNNING', tags: ['City'], startedAt: '2026-11-29T10:00:00Z' };
  assert.ok(matches(JOBS, job, '', ['state', 'running'], ['state', 'paused']));
  assert.ok(!matches(JOBS, job, '', ['state', 'paused']));
  assert.ok(matches(JOBS, job, '', ['tag', 'city'], ['name', 'news']));
  assert.ok(!matches(JOBS, { ...job, tags: null }, '', ['tag', 'city']));
  assert.ok(matches(JOBS, job, '', ['after', '2026-11-29T09:00:00Z']));
  assert.ok(!matches(JOBS, { ...job, startedAt: null }, '', ['after', '2026-11-29T09:00:00Z']));
  const schedule = { id: 's', enabled: false, policyId: null };
  assert.ok(matches(SCHEDULES, schedule, '', ['enabled', 'false']));
  assert.ok(!matches(SCHEDULES, schedule, '', ['enabled', 'true']));
  assert.ok(!matches(SCHEDULES, schedule, '', ['policy', 'p']));
});

test('a search finds rows that hold each of its words', () => {
  const row = { id: 'p', name: 'Deep Crawl', limits: { maxItems: 500 }, flag: true };
  const found = (query) => matcher({ filters: [] }, { query, where: [] })(row);
  assert.ok(found('crawl DEEP'));
  assert.ok(found('500'));
  assert.ok(!found('deep sea'));
  assert.ok(!found('true'));
});
