/**
 * What the client programs have in common: they do what a test tells them, and tell it what the
 * client tells them, in JSON lines on stdin and stdout.
 *
 *     node programs/….js URL [OPTIONS]    OPTIONS is JSON: {"resume": true, "limit_s": 300,
 *                                         "token_file": PATH}
 *
 *     {"subscribe": NAME, "query": …, "variables": …}
 *     {"unsubscribe": NAME}     answered by {"unsubscribed": NAME}; nothing of NAME follows
 *
 *     {"connected": N}          the N-th socket is acknowledged
 *     {"name": NAME, "data": …} or "errors", or "completed": true
 *
 * A program ends when stdin does, and at its time limit at the latest.
 */

import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { resuming } from '../../../clients/javascript/resuming.js';

globalThis.WebSocket ??= WebSocket; // browsers have their own, and so has Node from 22 on

const [url, options = '{}'] = process.argv.slice(2);
const { resume = false, limit_s = 300, token_file: tokenFile } = JSON.parse(options);

/** Tell the test something. */
export function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** A graphql-ws client as an application makes it, but for the wait before it connects again. */
export function createSocketClient() {
  let connected = 0;
  const credentials = async () =>
    tokenFile ? { authorization: `Bearer ${await readFile(tokenFile, 'utf8')}` } : {};
  const client = createClient({
    url,
    ...(resume
      ? resuming(credentials)
      : { connectionParams: credentials, retryAttempts: Infinity, shouldRetry: () => true }),
    retryWait: async () => {},
  });
  client.on('connected', () => say({ connected: ++connected }));
  return client;
}

/**
 * Do what the test says, until stdin ends.
 *
 * @param subscribe Begins a subscription, `({ query, variables }, tell) => unsubscribe`, and tells
 *   what it is given: `{ data }`, `{ errors }` or `{ completed: true }`.
 */
export async function serve(subscribe) {
  setTimeout(() => {
    console.error(`still there after ${limit_s} s`);
    process.exit(3);
  }, limit_s * 1000).unref();
  const open = new Map();
  for await (const line of createInterface({ input: process.stdin })) {
    const { subscribe: name, unsubscribe, ...request } = JSON.parse(line);
    if (name !== undefined) {
      const tell = (result) => open.has(name) && say({ name, ...result });
      open.set(name, subscribe(request, tell));
    } else {
      const stop = open.get(unsubscribe);
      open.delete(unsubscribe);
      stop();
      say({ unsubscribed: unsubscribe });
    }
  }
  const stops = [...open.values()];
  open.clear();
  for (const stop of stops) stop(); // with the last of them the socket closes
}
