/**
 * Many stock graphql-ws clients with `resuming`, each on a socket of its own, which check each event
 * against what they hold.
 *
 *     node programs/fleet.js URL CLIENTS QUERY
 *
 * A third of them follow all policies, a third those of a narrow filter, and a third those with an
 * id that there is not: they are idle. A line with the table, {"id": "name", …}, or an empty one, is
 * answered by a line:
 *
 *     clients, ready     how many there are, and how many are connected and have had READY since
 *     equal              how many hold what they must of the table
 *     reconnects         how often a client connected again
 *     resumed            how often it then went on without INITIALIZING
 *     faults             events that do not fit what a client held: lost, repeated, out of order
 *     kinds              reconnects and resumed, for each third
 */

import { createInterface } from 'node:readline';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { resuming } from '../../../clients/javascript/resuming.js';

const [url, clients, query] = process.argv.slice(2);
const KINDS = ['all', 'narrow', 'idle'];
const FILTERS = {
  all: () => null,
  narrow: (number) => ({ nameContains: `policy ${number % 10} ` }),
  idle: () => ({ ids: ['there is none'] }),
};
const PASSES = {
  all: () => true,
  narrow: (number, name) => name.includes(`policy ${number % 10} `),
  idle: () => false,
};

class Client {
  rows = new Map();
  connects = 0;
  resumed = 0;
  restarted = 0;
  isReady = false;
  faults = [];
  #isNew = false;
  #isReading = false;

  constructor(number) {
    this.number = number;
    this.kind = KINDS[number % KINDS.length];
    const options = resuming();
    this.client = createClient({
      url,
      webSocketImpl: WebSocket,
      ...options,
      on: {
        ...options.on,
        connected: () => {
          this.connects += 1;
          this.#isNew = true;
        },
        closed: () => {
          this.isReady = false;
        },
      },
    });
    this.client.subscribe(
      { query, variables: { where: FILTERS[this.kind](number) } },
      {
        next: ({ data, errors }) => {
          if (errors) this.fault('errors', errors);
          else this.take(Object.values(data)[0]);
        },
        error: (error) => this.fault('the subscription ended', String(error)),
        complete: () => this.fault('the subscription was completed'),
      },
    );
  }

  fault(what, ...details) {
    this.faults.push(`client ${this.number} (${this.kind}): ${what} ${JSON.stringify(details)}`);
  }

  take(event) {
    const isSnapshot = event.status === 'INITIALIZING';
    if (this.#isNew) {
      this.#isNew = false;
      if (this.connects > 1) this[isSnapshot ? 'restarted' : 'resumed'] += 1;
    }
    switch (event.__typename) {
      case 'FeedState':
        if (isSnapshot) this.rows.clear();
        this.#isReading = isSnapshot || (this.#isReading && event.status !== 'READY');
        this.isReady = event.status === 'READY';
        break;
      case 'PolicyAdded':
        if (this.rows.has(event.policy.id)) this.fault('added again', event);
        if (event.cause === 'INITIAL' && !this.#isReading) this.fault('a row of a snapshot among changes', event);
        this.rows.set(event.policy.id, event.policy.name);
        break;
      case 'PolicyUpdated': {
        const held = this.rows.get(event.policy.id);
        if (held !== event.previous.name) this.fault('another was held', held, event);
        this.rows.set(event.policy.id, event.policy.name);
        break;
      }
      case 'PolicyDeleted':
        if (this.rows.get(event.policyId) !== event.previous.name) this.fault('not held', event);
        this.rows.delete(event.policyId);
        break;
      default:
        this.fault('an unknown event', event);
    }
  }

  holds(table) {
    const expected = Object.entries(table).filter(([, name]) => PASSES[this.kind](this.number, name));
    return (
      expected.length === this.rows.size &&
      expected.every(([id, name]) => this.rows.get(id) === name)
    );
  }
}

const fleet = Array.from({ length: Number(clients) }, (_, number) => new Client(number));
const count = (some, of) => some.reduce((sum, client) => sum + Number(of(client)), 0);
const reconnects = (client) => client.resumed + client.restarted;

for await (const line of createInterface({ input: process.stdin })) {
  const table = line ? JSON.parse(line) : null;
  const kinds = Object.fromEntries(
    KINDS.map((kind) => {
      const some = fleet.filter((client) => client.kind === kind);
      return [
        kind,
        { reconnects: count(some, reconnects), resumed: count(some, (client) => client.resumed) },
      ];
    }),
  );
  const answer = {
    clients: fleet.length,
    ready: count(fleet, (client) => client.isReady),
    equal: table ? count(fleet, (client) => client.holds(table)) : 0,
    reconnects: count(fleet, reconnects),
    resumed: count(fleet, (client) => client.resumed),
    faults: fleet.flatMap((client) => client.faults).slice(0, 20),
    kinds,
  };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
