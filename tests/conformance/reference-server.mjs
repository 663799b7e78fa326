/**
 * graphql-ws's server with `ws`, and a schema whose operations are those of `schema.py` by shape.
 *
 *     node reference-server.mjs '{"connectionInitWaitTimeout": 60000, "maxPayload": 65536}'
 *
 * It says on which port it listens, in one line, and ends when stdin does. The time that it waits for
 * `connection_init` is over when a line comes on stdin, and not before.
 */

import { createRequire } from 'node:module';

// The packages are those of the client programs: no second copy, nor a second lock.
const require = createRequire(new URL('../clients/package.json', import.meta.url));
const { buildSchema } = require('graphql');
const { useServer } = require('graphql-ws/use/ws');
const { WebSocketServer } = require('ws');

const { connectionInitWaitTimeout, maxPayload } = JSON.parse(process.argv[2]);

const initTimers = new Set();
const { setTimeout: startTimer } = globalThis;
globalThis.setTimeout = (call, delay, ...rest) => {
  if (delay === connectionInitWaitTimeout) initTimers.add(call);
  else return startTimer(call, delay, ...rest);
};

const schema = buildSchema(`
  type Query {
    hello(name: String! = "world"): String!
    blocked: String!
    secret: String!
    perhaps: String
    large(size: Int!): String!
  }
  type Mutation {
    set(value: Int!): Int!
    release: Int!
  }
  type Subscription {
    count(to: Int! = 3): Int!
    silence: Int!
    breaks: Int!
    stumbles: Int!
    odd: Odd!
    refused: Int!
    policyChanges(includeInitial: Boolean! = true, since: String): PolicyChange!
  }
  type Odd { even: Int  value: Int }
  union PolicyChange = PolicyAdded | FeedState
  type PolicyAdded { cause: ChangeCause! }
  type FeedState { status: FeedStatus! }
  enum ChangeCause { INITIAL }
  enum FeedStatus { INITIALIZING READY }
`);

let release = () => {};
let released = Promise.resolve();

/** Yields values, and then nothing until it is left. */
function andSilence(values) {
  let leave;
  const left = new Promise((resolve) => (leave = resolve));
  const rest = [...values];
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (rest.length) return { value: rest.shift(), done: false };
      await left;
      return { value: undefined, done: true };
    },
    async return() {
      leave();
      return { value: undefined, done: true };
    },
  };
}

function resolve(type, name, resolver) {
  schema.getType(type).getFields()[name].resolve = resolver;
}

function subscribe(name, source) {
  const field = schema.getType('Subscription').getFields()[name];
  field.subscribe = source;
  field.resolve = (value) => value;
}

resolve('Query', 'hello', (_, { name }) => `hello ${name}`);
resolve('Query', 'blocked', async () => {
  released = new Promise((resolve) => (release = resolve));
  await released;
  return 'done';
});
resolve('Query', 'secret', () => {
  throw new Error('a secret');
});
resolve('Query', 'perhaps', () => {
  throw new Error('a secret');
});
resolve('Query', 'large', (_, { size }) => 'x'.repeat(size));
resolve('Mutation', 'set', (_, { value }) => value);
resolve('Mutation', 'release', () => {
  release();
  return 1;
});
resolve('Odd', 'value', ({ value }) => {
  if (value % 2) throw new Error('a secret');
  return value;
});

subscribe('count', async function* (_, { to }) {
  for (let i = 0; i < to; i++) yield i;
});
subscribe('silence', () => andSilence([0]));
subscribe('breaks', async function* () {
  yield 1;
  throw new Error('a secret');
});
subscribe('stumbles', async function* () {
  yield* [1, 'one', 2];
});
subscribe('odd', async function* () {
  for (let value = 0; value < 3; value++) yield { even: 0, value };
});
subscribe('refused', () => {
  throw new Error('a secret');
});
subscribe('policyChanges', (_, { includeInitial, since }) => {
  if (since) throw new Error('no cursor of this server');
  const added = { __typename: 'PolicyAdded', cause: 'INITIAL' };
  const state = (status) => ({ __typename: 'FeedState', status });
  const snapshot = [state('INITIALIZING'), added, added];
  return andSilence([...(includeInitial ? snapshot : []), state('READY')]);
});

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/graphql', maxPayload });
useServer({ schema, connectionInitWaitTimeout, isProd: true }, server);
server.on('listening', () => console.log(server.address().port));
console.error = () => {}; // it reports every error that a test makes on purpose
process.stdin
  .on('data', () => {
    for (const call of initTimers) call();
    initTimers.clear();
  })
  .on('end', () => process.exit(0));
