/** Mercurius with its JIT, on one shared changefeed. Usage: node mercurius.js HOST PORT */

import Fastify from 'fastify';
import mercurius from 'mercurius';

import { announce, openFeed } from './changes.js';
import { schemaOver } from './schema.js';

const schema = schemaOver(await openFeed(...process.argv.slice(2)));
const app = Fastify();
await app.register(mercurius, { schema, jit: 1, subscription: true });
await app.listen({ port: 0, host: '127.0.0.1', backlog: 2048 });
announce(app.server);
