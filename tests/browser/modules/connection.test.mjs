import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

import { Connection, waitMs } from '../../../graphql_api/live/connection.mjs';

let sockets;
let calls;

class FakeWebSocket {
  sent = [];
  isClosed = false;

  constructor() {
    sockets.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }

  receive(...messages) {
    for (const message of messages) this.onmessage({ data: JSON.stringify(message) });
  }

  /** What a server does that lets the client in. */
  accept() {
    this.onopen();
    this.receive({ type: 'connection_ack' });
  }
}

const SILENCE_MS = 15_000;
const next = (id, cursor) => ({ id, type: 'next', payload: { data: { changes: { cursor } } } });
const error = (id, code) => ({
  id,
  type: 'error',
  payload: [{ message: 'sorry', extensions: { code } }],
});

function opened(options = {}) {
  const listener = {
    state: (state) => calls.push(state),
    event: (id, { cursor }) => calls.push(`${id} ${cursor}`),
    problem: (id, { code }) => calls.push(`${id} ${code}`),
  };
  const subscriptions = new Map([
    ['a', 'subscription A'],
    ['b', 'subscription B'],
  ]);
  const connection = new Connection('ws://host/graphql', subscriptions, listener, {
    WebSocket: FakeWebSocket,
    ...options,
  });
  connection.open();
  return connection;
}

beforeEach(() => {
  sockets = [];
  calls = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
});

test('the wait doubles up to half a minute, less up to a half by chance', () => {
  assert.deepEqual([0, 1, 2, 6, 60].map((tries) => waitMs(tries, 0)), [
    500, 1000, 2000, 30_000, 30_000,
  ]);
  assert.equal(waitMs(1, 1), 500);
});

test('it subscribes once it is let in', () => {
  opened();
  sockets[0].accept();
  assert.deepEqual(sockets[0].sent, [
    { type: 'connection_init', payload: { since: {} } },
    { type: 'subscribe', id: 'a', payload: { query: 'subscription A' } },
    { type: 'subscribe', id: 'b', payload: { query: 'subscription B' } },
  ]);
  assert.deepEqual(calls, ['connecting', 'connected']);
});

test('after a loss it goes on behind the last event of each subscription', () => {
  opened();
  sockets[0].accept();
  sockets[0].receive(next('a', '1'), next('b', '2'), next('a', '3'));
  sockets[0].onclose({ code: 1006 });
  assert.equal(calls.at(-1), 'lost');
  mock.timers.tick(500);
  sockets[1].accept();
  assert.deepEqual(sockets[1].sent[0].payload, { since: { a: '3', b: '2' } });
});

test('it tries for ever, and less and less often', () => {
  opened();
  for (let tries = 1; tries <= 20; tries++) {
    sockets.at(-1).onclose({ code: 1006 });
    mock.timers.tick(waitMs(tries - 1, 1) - 1);
    assert.equal(sockets.length, tries);
    mock.timers.tick(waitMs(tries - 1, 0));
    assert.equal(sockets.length, tries + 1);
  }
});

test('after a good connection the wait is short again, after a bad one it is not', () => {
  opened();
  for (let tries = 0; tries < 4; tries++) {
    sockets.at(-1).accept();
    sockets.at(-1).onclose({ code: 1012 });
    mock.timers.tick(waitMs(tries, 1) - 1);
    assert.equal(sockets.length, tries + 1);
    mock.timers.tick(waitMs(tries, 0));
  }
  sockets.at(-1).accept();
  mock.timers.tick(6_000);
  sockets.at(-1).onclose({ code: 1012 });
  mock.timers.tick(500);
  assert.equal(sockets.length, 6);
});

test('a server that is silent is asked, and left if it does not answer', () => {
  opened();
  sockets[0].accept();
  mock.timers.tick(SILENCE_MS);
  assert.deepEqual(sockets[0].sent.at(-1), { type: 'ping' });
  sockets[0].receive({ type: 'pong' });
  mock.timers.tick(SILENCE_MS);
  assert.equal(sockets[0].isClosed, false);
  mock.timers.tick(SILENCE_MS);
  assert.equal(sockets[0].isClosed, true);
  assert.equal(calls.at(-1), 'lost');
});

test('a server that does not let it in is left', () => {
  opened();
  sockets[0].onopen();
  mock.timers.tick(SILENCE_MS);
  assert.equal(sockets[0].isClosed, true);
  assert.equal(calls.at(-1), 'lost');
});

test('a ping is answered', () => {
  opened();
  sockets[0].accept();
  sockets[0].receive({ type: 'ping' });
  assert.deepEqual(sockets[0].sent.at(-1), { type: 'pong' });
});

for (const code of [4401, 4403]) {
  test(`after a refusal by ${code} it waits for another token`, () => {
    let token = null;
    const connection = opened({ token: () => token });
    sockets[0].onopen();
    sockets[0].onclose({ code });
    mock.timers.tick(600_000);
    assert.equal(sockets.length, 1);
    assert.equal(calls.at(-1), 'refused');
    assert.equal(connection.isWaiting, false);
    token = 'secret';
    connection.open();
    sockets[1].onopen();
    assert.equal(sockets[1].sent[0].payload.authorization, 'Bearer secret');
  });
}

test('what is not allowed is reported, and neither begun again nor resumed', () => {
  opened();
  sockets[0].accept();
  sockets[0].receive(next('a', '1'), next('b', '2'), error('b', 'FORBIDDEN'));
  assert.equal(calls.at(-1), 'b FORBIDDEN');
  const sent = sockets[0].sent.length;
  mock.timers.tick(10_000);
  assert.equal(sockets[0].sent.length, sent);
  sockets[0].onclose({ code: 1006 });
  mock.timers.tick(500);
  sockets[1].accept();
  assert.deepEqual(sockets[1].sent[0].payload.since, { a: '1' });
});

test('a subscription that ends otherwise is begun again, on the same connection only', () => {
  opened();
  sockets[0].accept();
  sockets[0].receive(error('a', 'INTERNAL'), { id: 'b', type: 'complete' });
  assert.deepEqual(calls.slice(-2), ['a INTERNAL', 'b ']);
  mock.timers.tick(5_000);
  assert.deepEqual(
    sockets[0].sent
      .slice(-2)
      .map(({ id }) => id)
      .sort(),
    ['a', 'b'],
  );
  sockets[0].receive(error('a', 'INTERNAL'));
  sockets[0].onclose({ code: 1006 });
  mock.timers.tick(500);
  sockets[1].accept();
  const sent = sockets[1].sent.length;
  mock.timers.tick(5_000);
  assert.equal(sockets[1].sent.length, sent);
});

test('a result without data ends the subscription', () => {
  opened();
  sockets[0].accept();
  const errors = [{ message: 'no', extensions: { code: 'FORBIDDEN' } }];
  sockets[0].receive({ id: 'a', type: 'next', payload: { data: null, errors } });
  assert.equal(calls.at(-1), 'a FORBIDDEN');
  assert.deepEqual(sockets[0].sent.at(-1), { type: 'complete', id: 'a' });
});

test('what comes behind the end of a subscription ends it no second time', () => {
  opened();
  sockets[0].accept();
  const failed = { id: 'a', type: 'next', payload: { data: null, errors: [{ message: 'no' }] } };
  sockets[0].receive(next('a', '1'), failed, failed, next('a', '3'), { id: 'a', type: 'complete' });
  assert.deepEqual(calls.slice(-2), ['a 1', 'a ']);
  const sent = sockets[0].sent.length;
  mock.timers.tick(10_000);
  assert.deepEqual(
    sockets[0].sent.slice(sent).map(({ type, id }) => [type, id]),
    [['subscribe', 'a']],
  );
});

test('what a connection that was left still does is no concern', () => {
  const connection = opened();
  sockets[0].accept();
  connection.open();
  assert.equal(sockets[0].isClosed, true);
  assert.equal(sockets[0].onclose, null);
  assert.equal(sockets[0].onmessage, null);
});
