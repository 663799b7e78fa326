/**
 * What a hand-written broadcast does: one string for each change, which ws sends to everybody.
 * Usage: node broadcast.js HOST PORT
 *
 * It knows one operation, whose id is 1, and whatever a client asks for it gets that.
 */

import { createServer } from 'node:http';

import { WebSocketServer } from 'ws';

import { announce, openFeed } from './changes.js';

const next = (data) => JSON.stringify({ id: '1', type: 'next', payload: { data } });

const feed = await openFeed(...process.argv.slice(2));
const subscribers = new Set();
feed.listener = (event) => {
  const text = next(event);
  for (const socket of subscribers) {
    socket.send(text);
  }
};

const server = createServer();
new WebSocketServer({ server, path: '/graphql' }).on('connection', (socket) => {
  socket.on('close', () => subscribers.delete(socket));
  socket.on('message', (data) => {
    if (JSON.parse(data).type === 'connection_init') {
      socket.send('{"type":"connection_ack"}');
    } else {
      socket.send(next({ policyChanges: { __typename: 'FeedState', status: 'READY' } }));
      subscribers.add(socket);
    }
  });
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () => announce(server));
