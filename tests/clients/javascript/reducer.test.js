import assert from 'node:assert/strict';
import { test } from 'node:test';

import { applyEvent, changeOf, emptyList } from '../../../clients/javascript/reducer.js';
import { added, deleted, state, updated } from './events.js';

const after = (events, orderBy, list = emptyList) =>
  events.reduce((before, event) => applyEvent(before, event, orderBy), list);
const names = ({ rows }) => rows.map(({ name }) => name);

test('a snapshot is shown when it is complete, and not before', () => {
  const shown = after([state('INITIALIZING'), added('a'), added('b'), state('READY')]);
  assert.deepEqual(names(shown), ['a', 'b']);
  let list = shown;
  for (const event of [state('INITIALIZING'), added('c'), updated('c', 'd'), deleted('x')]) {
    list = applyEvent(list, event);
    assert.equal(list.rows, shown.rows, 'the rows are those before');
    assert.equal(list.status, 'INITIALIZING');
  }
  list = applyEvent(list, state('STALE'));
  assert.deepEqual([names(list), list.status], [['d'], 'STALE']);
});

test('a snapshot that broke off leaves nothing in the next one', () => {
  const begun = [state('INITIALIZING'), added('a'), added('b')];
  assert.deepEqual(names(after([...begun, ...begun.slice(0, 2), state('READY')])), ['a']);
});

test('a status that says nothing new changes nothing', () => {
  const list = after([state('INITIALIZING'), added('a'), state('READY')]);
  assert.equal(applyEvent(list, state('READY')), list);
  const stale = applyEvent(list, state('STALE'));
  assert.equal(stale.rows, list.rows);
  assert.equal(stale.status, 'STALE');
});

test('a list without initial rows begins empty', () => {
  assert.deepEqual(after([state('READY'), added('a')]).rows, [{ id: 'a', name: 'a' }]);
});

test('rows are in the order of a field, then of their keys, and those without a value are last', () => {
  const events = [added('2', 'b'), added('3', null), added('1', 'b'), added('4', 'a')];
  const keys = ({ rows }) => rows.map(({ id }) => id);
  const expected = ['4', '1', '2', '3'];
  assert.deepEqual(keys(after([state('READY'), ...events], 'name')), expected);
  const snapshot = after([state('INITIALIZING'), ...events, state('READY')], 'name');
  assert.deepEqual(keys(snapshot), expected);
  assert.deepEqual(keys(applyEvent(snapshot, updated('3', 'a'), 'name')), ['3', '4', '1', '2']);
});

test('without an order a row that changes keeps its place', () => {
  const list = after([state('READY'), added('a'), added('b'), updated('a', 'z')]);
  assert.deepEqual(names(list), ['z', 'b']);
});

test('the key of an event is found for every table', () => {
  assert.deepEqual(changeOf(deleted('p')), ['p']);
  const previous = { domain: 'a.example', loginUrl: 'b' };
  const login = { cause: 'DELETED', domain: 'd.example', previous, cursor: 'c' };
  assert.deepEqual(changeOf(login), ['d.example']);
  const domainLogin = { id: 'd', domain: 'd' };
  assert.deepEqual(changeOf({ cause: 'INITIAL', domainLogin, cursor: 'c' }), ['d', domainLogin]);
});

test('an event whose row has no id is an error that says so', () => {
  const event = { __typename: 'PolicyAdded', cause: 'CREATED', policy: { name: 'a' }, cursor: 'c' };
  assert.throws(() => applyEvent(emptyList, event), /Select the row's id .* PolicyAdded/);
});

test('whatever comes, the rows are those of a plain map, and no list is changed in place', () => {
  let seed = 1;
  const random = (below) => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  const held = new Map();
  let staged = null;
  let list = emptyList;
  let shown = [];
  for (let number = 0; number < 5000; number++) {
    const id = `${random(12)}`;
    const rows = staged ?? held;
    const earlier = JSON.stringify(list.rows);
    let event;
    switch (random(8)) {
      case 0:
        event = state('INITIALIZING');
        staged = new Map();
        break;
      case 1:
        event = state(random(2) ? 'READY' : 'STALE');
        if (staged) {
          held.clear();
          for (const [key, row] of staged) held.set(key, row);
        }
        staged = null;
        break;
      case 2:
      case 3:
        event = deleted(id);
        rows.delete(id);
        break;
      default:
        event = rows.has(id) ? updated(id, `${number}`) : added(id, `${number}`);
        rows.set(id, event.policy);
    }
    const next = applyEvent(list, event, 'name');
    assert.equal(JSON.stringify(list.rows), earlier);
    assert.deepEqual(applyEvent(list, event, 'name'), next, 'the same again');
    list = next;
    if (!staged) shown = [...held.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(list.rows, shown);
  }
});
