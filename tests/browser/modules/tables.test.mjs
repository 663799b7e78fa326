import assert from 'node:assert/strict';
import { test } from 'node:test';

import { duration, tableOf, words } from '../../../graphql_api/live/tables.mjs';

const [JOBS, POLICIES, SCHEDULES, LOGINS] = JSON.parse(process.env.DECLARED).map(tableOf);

function shown(table, row, look = { policyName: () => undefined }) {
  return Object.fromEntries(
    table.columns.map(({ title, lines }) => [title, lines(row, look).map(({ text }) => text)]),
  );
}

test('durations are shown by their two greatest units', () => {
  assert.equal(duration(0), '0 s');
  assert.equal(duration(90), '1 min 30 s');
  assert.equal(duration(3600), '1 h');
  assert.equal(duration(93_784), '1 d 2 h');
  assert.equal(duration(0.5), '0.5 s');
});

test('field names are shown as words', () => {
  assert.equal(words('mimeTypeRules'), 'mime type rules');
});

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
  assert.deepEqual(shown(POLICIES, policy).Limits, ['–']);
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
  const row = { limits: { maxItems: null, maxDuration: null, maxCost: null } };
  const { lines } = POLICIES.columns[1];
  assert.deepEqual(lines(row), [{ text: 'none', tone: 'quiet' }]);
});

test('a schedule names its policy as it is called now, or else its key', () => {
  const { lines } = SCHEDULES.columns[3];
  assert.equal(lines({ policyId: 'p' }, { policyName: () => 'Deep' })[0].text, 'Deep');
  assert.equal(lines({ policyId: 'p' }, { policyName: () => null })[0].text, 'p');
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

test('jobs are ordered by their start, and show how far they have come', () => {
  const job = {
    id: 'j',
    name: 'News #1',
    runState: 'RUNNING',
    itemCount: 1234,
    httpSuccessCount: 1200,
    httpErrorCount: 34,
    exceptionCount: 0,
    startedAt: '2026-11-29T10:00:00Z',
    completedAt: null,
    invalidFields: [],
  };
  assert.equal(JOBS.newestBy, 'startedAt');
  assert.equal(JOBS.order(job), job.startedAt);
  assert.deepEqual(shown(JOBS, job).Name, ['News #1']);
  assert.deepEqual(shown(JOBS, job).State, ['running']);
  assert.deepEqual(shown(JOBS, job).Ended, ['–']);
  assert.equal(POLICIES.newestBy, null);
  assert.equal(POLICIES.order({ name: 'Deep' }), 'Deep');
});
