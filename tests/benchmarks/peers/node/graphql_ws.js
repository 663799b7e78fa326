/** graphql-ws with ws and graphql-js, on one shared changefeed. Usage: node graphql_ws.js HOST PORT */

import { createServer } from 'node:http';

import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

import { announce, openFeed } from './changes.js';
import { schemaOver } from './schema.js';

const schema = schemaOver(await openFeed(...process.argv.slice(2)));
const server = createServer();
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }));
server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () => announce(server));
