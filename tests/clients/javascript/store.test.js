import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createStore } from '../../../clients/javascript/store.js';
import { liveList } from '../../../clients/javascript/index.js';
import { added, deleted, state } from './events.js';

/** A source that a test feeds. */
function feed() {
  const source = (sink) => {
    source.sink = sink;
    source.begun += 1;
    return () => (source.ended += 1);
  };
  source.begun = source.ended = 0;
  source.send = (...events) => {
    for (const event of events) source.sink.next({ data: { policyChanges: event } });
  };
  return source;
}

const frame = () => new Promise((resolve) => setTimeout(resolve));

test('a viewer gets the list at once, and then once for all events of a frame', async () => {
  const source = feed();
  const store = createStore(source);
  const lists = [];
  const end = store.subscribe((list) => lists.push(list));
  assert.deepEqual(lists, [{ rows: [], status: 'INITIALIZING', error: undefined }]);
  source.send(state('INITIALIZING'), added('a'), added('b'), state('READY'), deleted('a'));
  assert.equal(lists.length, 1);
  await frame();
  assert.deepEqual(lists.slice(1), [
    { rows: [{ id: 'b', name: 'b' }], status: 'READY', error: undefined },
  ]);
  assert.equal(store.current, lists[1]);
  source.send(state('READY'));
  await frame();
  assert.equal(lists.length, 2, 'nothing has changed');
  end();
});

test('a new snapshot is one change of the rows, and they are never fewer', async () => {
  const source = feed();
  const store = createStore(source);
  const rows = new Set();
  store.subscribe((list) => list.status !== 'INITIALIZING' && rows.add(list.rows));
  const snapshot = (prefix) =>
    [...Array(1000).keys()].map((number) => added(`${prefix}${number}`));
  for (const prefix of ['a', 'b']) {
    source.send(state('INITIALIZING'));
    for (const event of snapshot(prefix)) {
      source.send(event);
      if (Math.random() < 0.01) await frame();
    }
    source.send(state('READY'));
    await frame();
  }
  assert.deepEqual([...rows].map(({ length }) => length), [1000, 1000]);
});

test('one subscription serves all viewers, and ends with the last one', async () => {
  const source = feed();
  const store = createStore(source);
  const view = () => {};
  const ends = [store.subscribe(view), store.subscribe(view)];
  assert.equal(source.begun, 1);
  ends[0]();
  ends[0]();
  assert.equal(source.ended, 0);
  ends[1]();
  assert.equal(source.ended, 1);
});

test('one that comes back sees the rows that were held until there are new ones', async () => {
  const source = feed();
  const store = createStore(source);
  const end = store.subscribe(() => {});
  source.send(state('INITIALIZING'), added('a'), state('READY'));
  await frame();
  const { sink } = source;
  end();
  const lists = [];
  store.subscribe((list) => lists.push(list));
  assert.equal(source.begun, 2);
  sink.next({ data: { policyChanges: added('late') } });
  await frame();
  assert.deepEqual(
    lists.map(({ rows, status }) => [rows.length, status]),
    [[1, 'INITIALIZING']],
  );
});

test('every kind of failure is an Error in the list, whose rows stay', async () => {
  const failures = [
    [(sink) => sink.error(new Error('why')), 'why'],
    [(sink) => sink.error([{ message: 'one' }, { message: 'two' }]), 'one\ntwo'],
    [(sink) => sink.error({ code: 4400, reason: 'Bad' }), /closed the connection: 4400 Bad$/],
    [(sink) => sink.next({ data: null, errors: [{ message: 'no' }] }), 'no'],
    [(sink) => sink.next({ error: new Error('no') }), 'no'],
    [(sink) => sink.next({ data: { a: { policy: { name: 'x' } } } }), /Select the row's id/],
  ];
  for (const [fail, message] of failures) {
    const source = feed();
    const store = createStore(source);
    store.subscribe(() => {});
    source.send(state('INITIALIZING'), added('a'), state('READY'));
    fail(source.sink);
    assert.match(store.current.error.message, new RegExp(message));
    assert.equal(store.current.rows.length, 1);
    assert.equal(source.ended, 1);
    source.send(added('b'));
    await frame();
    assert.equal(store.current.rows.length, 1);
  }
});

test('graphql-ws is given the query as text, and its end is an error', () => {
  const client = {
    subscribe(payload, sink) {
      this.payload = payload;
      sink.complete();
      return () => {};
    },
  };
  const query = { toString: () => 'subscription { a }' };
  const store = liveList(client, query, { variables: { where: {} } });
  store.subscribe(() => {});
  assert.deepEqual(client.payload, { query: 'subscription { a }', variables: { where: {} } });
  assert.match(store.current.error.message, /ended the subscription/);
});

test('an error that may pass is not shown: the subscription begins again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const source = feed();
  const store = createStore(source);
  const end = store.subscribe(() => {});
  source.send(state('INITIALIZING'), added('a'), state('READY'));
  t.mock.timers.tick(0);
  const errors = [{ message: 'later', extensions: { code: 'RATE_LIMITED' } }];
  const failures = [
    (sink) => sink.error(errors),
    (sink) => sink.next({ error: Object.assign(new Error('Apollo'), { errors }) }),
    (sink) => sink.next({ error: Object.assign(new Error('urql'), { graphQLErrors: errors }) }),
  ];
  for (const [number, fail] of failures.entries()) {
    fail(source.sink);
    assert.equal(source.ended, number + 1);
    assert.equal(source.begun, number + 1, 'not at once');
    t.mock.timers.tick(30_000);
    assert.equal(source.begun, number + 2);
  }
  source.send(state('INITIALIZING'), added('b'), state('READY'));
  t.mock.timers.tick(0);
  const { rows, error } = store.current;
  assert.deepEqual([rows, error], [[{ id: 'b', name: 'b' }], undefined]);

  source.sink.error(errors);
  end();
  t.mock.timers.tick(60_000);
  assert.equal(source.begun, 4, 'it does not begin when there is no viewer');
});
