/** One changefeed for a whole server, and the policies that it tells of. */

import r from 'rethinkdb';

const INITIALIZING = { policyChanges: { __typename: 'FeedState', status: 'INITIALIZING' } };
const READY = { policyChanges: { __typename: 'FeedState', status: 'READY' } };

/** Open the changefeed; resolves when all rows are there. */
export async function openFeed(host, port) {
  const connection = await r.connect({ host, port: Number(port), db: 'starbelly' });
  const cursor = await r
    .table('policy')
    .changes({ includeInitial: true, includeStates: true })
    .run(connection);
  const feed = new Feed();
  await new Promise((resolve, reject) => {
    cursor.each((error, change) => {
      if (error) {
        reject(error);
      } else if (change.state === 'ready') {
        resolve();
      } else if (!change.state) {
        feed.apply(change);
      }
    });
  });
  return feed;
}

class Feed {
  #policies = new Map();
  #subscriptions = new Set();

  /** Called with each change, once. */
  listener = null;

  apply({ new_val: row, old_val: previous }) {
    let event;
    if (row) {
      const policy = toPolicy(row);
      const __typename = this.#policies.has(row.id) ? 'PolicyUpdated' : 'PolicyAdded';
      event = { policyChanges: { __typename, policy } };
      this.#policies.set(row.id, policy);
    } else {
      event = { policyChanges: { __typename: 'PolicyDeleted', policyId: previous.id } };
      this.#policies.delete(previous.id);
    }
    this.listener?.(event);
    for (const subscription of this.#subscriptions) {
      subscription.push(event);
    }
  }

  /** The resolver of the subscription: an async iterator over the rows and changes. */
  changes({ where, includeInitial }) {
    const subscription = new Subscription(where, () => this.#subscriptions.delete(subscription));
    if (includeInitial) {
      subscription.push(INITIALIZING);
      for (const policy of this.#policies.values()) {
        subscription.push({ policyChanges: { __typename: 'PolicyAdded', policy } });
      }
    }
    subscription.push(READY);
    this.#subscriptions.add(subscription);
    return subscription;
  }
}

class Subscription {
  #waiting = null;
  #queue = [];
  #ids;
  #needle;
  #onReturn;

  constructor(where, onReturn) {
    this.#ids = where?.ids ? new Set(where.ids) : null;
    this.#needle = where?.nameContains?.toLowerCase() ?? null;
    this.#onReturn = onReturn;
  }

  push(event) {
    if (!this.#matches(event.policyChanges.policy)) {
      return;
    }
    if (this.#waiting) {
      this.#waiting({ value: event, done: false });
      this.#waiting = null;
    } else {
      this.#queue.push(event);
    }
  }

  #matches(policy) {
    return (
      !policy ||
      ((this.#ids === null || this.#ids.has(policy.id)) &&
        (this.#needle === null || policy.name.toLowerCase().includes(this.#needle)))
    );
  }

  next() {
    if (this.#queue.length) {
      return Promise.resolve({ value: this.#queue.shift(), done: false });
    }
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  return() {
    this.#onReturn();
    this.#waiting?.({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

function toPolicy(row) {
  return {
    id: row.id,
    name: row.name,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    captchaSolverId: row.captcha_solver_id,
    authentication: row.authentication,
    limits: {
      maxCost: row.limits.max_cost,
      maxDuration: row.limits.max_duration,
      maxItems: row.limits.max_items,
    },
    robotsTxt: { usage: row.robots_txt.usage },
  };
}

/** Tell the benchmark where the server is, and collect garbage when it says so. */
export function announce(server) {
  process.on('SIGUSR2', () => globalThis.gc());
  console.log(`ws://127.0.0.1:${server.address().port}/graphql`);
}
