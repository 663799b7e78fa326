import assert from 'node:assert/strict';
import { test } from 'node:test';

import { liveCollectionOptions } from '../../../clients/javascript/tanstack-db.js';
import { added, deleted, state, updated } from './events.js';

/** What a collection is given, as a list of calls. */
function synced(...events) {
  const calls = [];
  const client = {
    subscribe(_, sink) {
      for (const event of events) {
        if (Array.isArray(event)) sink.error(event);
        else sink.next({ data: { policyChanges: event } });
      }
      return () => calls.push('end');
    },
  };
  const { sync } = liveCollectionOptions({ client, query: '' });
  const record = (name) => (value) => calls.push(value === undefined ? name : [name, value]);
  const names = ['begin', 'write', 'commit', 'truncate', 'markReady', 'markError'];
  const end = sync.sync(Object.fromEntries(names.map((name) => [name, record(name)])));
  return { calls, end };
}

const insert = (id, name = id) => ['write', { type: 'insert', value: { id, name } }];
const update = (id, name) => ['write', { type: 'update', value: { id, name } }];
const remove = (key) => ['write', { type: 'delete', key }];

test('a snapshot is one transaction, and each change after it is one', () => {
  const { calls, end } = synced(
    state('INITIALIZING'),
    added('a'),
    updated('a', 'b'),
    state('READY'),
    added('c'),
    deleted('c'),
    state('STALE'),
  );
  end();
  assert.deepEqual(calls, [
    ...['begin', 'truncate', insert('a'), update('a', 'b'), 'commit', 'markReady'],
    ...['begin', insert('c'), 'commit', 'begin', remove('c'), 'commit', 'markReady'],
    'end',
  ]);
});

test('a snapshot that broke off is truncated in its own transaction', () => {
  const begun = [state('INITIALIZING'), added('a')];
  assert.deepEqual(synced(...begun, ...begun, state('READY')).calls, [
    ...['begin', 'truncate', insert('a'), 'truncate', insert('a'), 'commit', 'markReady'],
  ]);
});

test('a row that the collection does not hold is not deleted, and one that it holds not inserted', () => {
  assert.deepEqual(synced(state('READY'), added('a'), added('a', 'b'), deleted('x')).calls, [
    ...['markReady', 'begin', insert('a'), 'commit', 'begin', update('a', 'b'), 'commit'],
    ...['begin', 'commit'],
  ]);
});

test('an error that does not pass is the collection\'s', () => {
  const { calls } = synced([{ message: 'no', extensions: { code: 'FORBIDDEN' } }]);
  const [[name, error], last] = calls;
  assert.deepEqual([name, error.message, last], ['markError', 'no', 'end']);
});
