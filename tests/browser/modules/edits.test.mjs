import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  canRemove,
  canUpdate,
  nested,
  parsed,
  problemsAt,
  removeRequest,
  updateRequest,
} from '../../../graphql_api/live/edits.mjs';

const DECLARED = JSON.parse(process.env.DECLARED);
const [JOB, POLICY, LIMIT] = ['Job', 'Policy', 'RateLimit'].map((type) =>
  DECLARED.find((table) => table.type === type),
);

test('a change is sent with the time of what was read, so that it overwrites nothing unseen', () => {
  const input = nested([[['limits', 'maxItems'], 5], [['limits', 'maxCost'], null]]);
  const { variables } = updateRequest(POLICY, { id: 'p', updatedAt: null }, input);
  assert.deepEqual(variables, {
    id: 'p',
    input: { limits: { maxItems: 5, maxCost: null } },
    ifUpdatedAt: null,
  });
  assert.equal(removeRequest(POLICY, { id: 'p', updatedAt: 't' }).variables.ifUpdatedAt, 't');
});

test('a domain is what its limit and its login are known by', () => {
  const limit = { id: '00ff', domain: 'a.example', isGlobal: false };
  assert.deepEqual(updateRequest(LIMIT, limit, { delayS: 2 }).variables, { domain: 'a.example', delayS: 2 });
  assert.deepEqual(removeRequest(LIMIT, limit).variables, { domain: 'a.example' });
});

test('what the server refuses in any case is not offered', () => {
  assert.ok(!canRemove(LIMIT, { domain: null, isGlobal: true }));
  assert.ok(canUpdate(LIMIT, { domain: null, isGlobal: true }));
  assert.ok(!canUpdate(LIMIT, { domain: null, isGlobal: false }));
  assert.ok(!canRemove(JOB, { id: 'j', runState: 'RUNNING' }));
  assert.ok(canRemove(JOB, { id: 'j', runState: 'CANCELLED' }));
  assert.ok(!canUpdate(JOB, { id: 'j', runState: 'CANCELLED' }));
});

test('what is typed is a number or says why not', () => {
  const whole = { kind: 'whole', isOptional: true };
  assert.deepEqual(parsed(whole, ' 12 '), { value: 12 });
  assert.deepEqual(parsed(whole, ''), { value: null });
  assert.ok(parsed(whole, '1.5').problem);
  assert.ok(parsed(whole, 'many').problem);
  assert.ok(parsed({ kind: 'decimal' }, '').problem);
});

test('problems are shown at their fields, the others for the whole form', () => {
  const error = {
    message: 'bad',
    extensions: {
      problems: [
        { path: ['input', 'limits', 'maxItems'], message: 'negative' },
        { path: ['input', 'urlRules', 0], message: 'wrong' },
      ],
    },
  };
  assert.deepEqual(problemsAt(error, POLICY.edits.fields), [
    { path: 'limits.maxItems', message: 'negative' },
    { path: null, message: 'wrong' },
  ]);
  assert.deepEqual(problemsAt({ message: 'in use' }, []), [{ path: null, message: 'in use' }]);
});
