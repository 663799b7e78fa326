/**
 * graphql-http's audit of a server.
 *
 *     node audit.js URL
 *
 * It says in one line of JSON what came of each check: `[{"name": "MUST …", "status": "ok"}, …]`.
 */

import { auditServer } from 'graphql-http';

const [url] = process.argv.slice(2);
const results = await auditServer({ url });
process.stdout.write(
  JSON.stringify(results.map(({ name, status, reason }) => ({ name, status, reason }))),
);
