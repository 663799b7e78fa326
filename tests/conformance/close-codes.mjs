/**
 * Which close codes npm's graphql-ws comes back after: a server closes the first connection with each.
 *
 *     node close-codes.mjs 1006 4400
 *
 * It prints `{"1006": true, "4400": false}`. 1006 is a connection that is cut.
 */

import { createRequire } from 'node:module';

const require = createRequire(new URL('../clients/package.json', import.meta.url));
const { createClient } = require('graphql-ws');
const { WebSocket, WebSocketServer } = require('ws');

async function comesBack(code) {
  const server = new WebSocketServer({ port: 0, handleProtocols: () => 'graphql-transport-ws' });
  await new Promise((listening) => server.once('listening', listening));
  let connections = 0;
  const back = new Promise((done) => {
    server.on('connection', (socket) => {
      connections += 1;
      if (connections > 1) {
        done(true);
        return;
      }
      socket.on('message', (data) => {
        if (JSON.parse(data).type === 'connection_init') {
          socket.send('{"type":"connection_ack"}');
        } else if (code === 1006) {
          socket.terminate();
        } else {
          socket.close(code, 'because');
        }
      });
    });
    const client = createClient({
      url: `ws://127.0.0.1:${server.address().port}`,
      webSocketImpl: WebSocket,
      retryAttempts: 1,
      retryWait: async () => {},
    });
    client.subscribe({ query: '{ a }' }, { next() {}, error: () => done(false), complete() {} });
  });
  return back;
}

const codes = process.argv.slice(2).map(Number);
const answers = await Promise.all(codes.map(comesBack));
process.stdout.write(JSON.stringify(Object.fromEntries(codes.map((code, i) => [code, answers[i]]))));
process.exit(0);
