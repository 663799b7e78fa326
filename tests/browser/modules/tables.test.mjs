import assert from 'node:assert/strict';
import { test } from 'node:test';

import { tableOf } from '../../../graphql_api/live/tables.mjs';

const policies = new Map([['deep', 'Deep']]);
const running = [40, 80];
const beside = { policyName: (id) => policies.get(id), rates: () => running };
const [JOBS, POLICIES, SCHEDULES, LOGINS] = JSON.parse(process.env.DECLARED).map((declared) =>
  tableOf(declared, beside),
);

function shown(table, row) {
  return Object.fromEntries(
    table.columns.map(({ title, lines }) => [title, lines(row).map(({ text }) => text)]),
  );
}

test('a row of nulls is shown, by its key', () => {
  const policy = {
    id: 'p',
    name: null,
    limits: null,
    robotsTxt: null,
    authentication: null,
    updatedAt: null,
    invalidFields: ['name', 'limits'],
  };
  assert.deepEqual(shown(POLICIES, policy).Name, ['p', 'unfit: name, limits']);
  assert.deepEqual(shown(POLICIES, policy).Limits, ['unfit']); // which is not no limit
  assert.deepEqual(shown(POLICIES, policy)['robots.txt'], ['–']);
  const schedule = {
    id: 's',
    scheduleName: null,
    enabled: null,
    numUnits: null,
    timeUnit: null,
    timing: null,
    policyId: null,
    jobCount: null,
    updatedAt: null,
    invalidFields: [],
  };
  assert.deepEqual(Object.values(shown(SCHEDULES, schedule)).slice(1).flat(), Array(5).fill('–'));
  const login = { id: 'd', domain: 'd', loginUrl: null, users: null, invalidFields: [] };
  assert.deepEqual(shown(LOGINS, login), { Domain: ['d'], 'Login page': ['–'], Users: ['–'] });
});

test('no limit is shown otherwise than an unknown one', () => {
  const limits = { maxItems: null, maxDuration: null, maxCost: null };
  const row = { limits, invalidFields: [] };
  const { lines } = POLICIES.columns[1];
  assert.deepEqual(lines(row), [{ text: 'none', tone: 'quiet' }]);
});

test('a schedule names its policy as it is called now, or else its key', () => {
  const { lines } = SCHEDULES.columns[3];
  assert.equal(lines({ policyId: 'deep', invalidFields: [] })[0].text, 'Deep');
  assert.equal(lines({ policyId: 'p', invalidFields: [] })[0].text, 'p');
});

test('users are shown by how their login works', () => {
  const { lines } = LOGINS.columns[2];
  const users = [
    { username: 'ann', hasPassword: true, working: true },
    { username: 'bob', hasPassword: false, working: false },
    { username: null, hasPassword: true, working: null },
  ];
  assert.deepEqual(
    lines({ users }).map(({ text }) => text),
    ['ann: works', 'bob: login failed, no password', 'without a name'],
  );
});

const job = {
  id: 'j',
  name: 'News #1',
  runState: 'RUNNING',
  itemCount: 1234,
  durationS: null,
  exceptionCount: 5,
  httpStatusCounts: [
    { statusCode: 200, count: 90 },
    { statusCode: 404, count: 5 },
  ],
  policy: { limits: { maxItems: 2468 } },
  startedAt: '2026-11-29T10:00:00Z',
  completedAt: null,
  invalidFields: [],
};

test('jobs are ordered by their start, and show how far they have come', () => {
  assert.equal(JOBS.newestBy, 'startedAt');
  assert.equal(JOBS.order(job), job.startedAt);
  const cells = shown(JOBS, job);
  assert.deepEqual(cells.State, ['running']);
  assert.deepEqual(cells.Items[0], '1,234 of 2,468');
  assert.deepEqual(cells['Items/s'][0], '80/s');
  assert.deepEqual(cells.Responses[0], '90 % ok\u00a0· 5 refused');
  assert.deepEqual(cells.Ended, ['–']);
  const [, bar] = JOBS.columns.find(({ title }) => title === 'Items').lines(job);
  assert.equal(bar.part, 0.5);
  const [, { shares }] = JOBS.columns.find(({ title }) => title === 'Responses').lines(job);
  assert.deepEqual(shares.map(({ share }) => share), [0.9, 0.05, 0.05]);
  const over = shown(JOBS, { ...job, runState: 'COMPLETED', durationS: 100, policy: null });
  assert.deepEqual([over.Items, over['Items/s']], [['1,234'], ['12/s']]);
});

test('a job of which nothing is known is shown all the same', () => {
  const unknown = Object.fromEntries(Object.keys(job).map((name) => [name, null]));
  const cells = shown(JOBS, { ...unknown, id: 'j', invalidFields: [] });
  assert.deepEqual(Object.values(cells).slice(1).flat(), Array(6).fill('–'));
});

test('every column is found and ordered by what it shows', () => {
  for (const { columns } of [JOBS, POLICIES, SCHEDULES, LOGINS]) {
    assert.equal(new Set(columns.map(({ slug }) => slug)).size, columns.length);
  }
  const column = (title) => JOBS.columns.find((each) => each.title === title);
  assert.equal(column('Items').order(job), 1234);
  assert.equal(column('Responses').order(job), 0.1);
  assert.equal(column('Items/s').order({ ...job, durationS: 10 }), 123.4);
});
