import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KeptSubscriptions } from '../../../graphql_api/graphiql/page/kept_subscriptions.js';
import { givenBy } from '../../../graphql_api/graphiql/page/given.js';

const soon = () => new Promise((resolve) => setTimeout(resolve));

/** GraphiQL with two tabs, as far as it has to do with subscriptions. */
class GraphiQL {
  kept = new KeptSubscriptions();
  shown = [];
  sources = []; // the observers of the subscriptions that were begun, and whether they were ended
  #subscription = null;
  #tabs = ['a', 'b'];
  #active = 0;

  constructor() {
    this.kept.run = () => this.run();
    this.#changed();
  }

  run(text = 'x') {
    const source = { isEnded: false };
    const observable = {
      subscribe: (observer) => {
        this.sources.push(Object.assign(source, { observer }));
        return { unsubscribe: () => (source.isEnded = true) };
      },
    };
    this.#subscription = this.kept.keep(text, observable).subscribe({
      next: (result) => this.shown.push(result),
      complete: () => (this.#subscription = null),
    });
  }

  stop() {
    this.#subscription?.unsubscribe();
    this.#subscription = null;
  }

  choose(index) {
    this.stop();
    this.#active = index;
    this.#changed();
  }

  close(index) {
    if (index === this.#active) this.stop();
    this.#tabs.splice(index, 1);
    this.#active = 0;
    this.#changed();
  }

  get isRunning() {
    return this.#subscription !== null;
  }

  #changed() {
    const tabs = this.#tabs.map((id) => ({ id }));
    this.kept.tabsHaveChanged({ tabs, activeTabIndex: this.#active });
  }
}

test('a subscription goes on while another tab is in view, and is shown again with its own', async () => {
  const graphiql = new GraphiQL();
  graphiql.run();
  const [source] = graphiql.sources;
  graphiql.choose(1);
  await soon();
  source.observer.next('unseen');
  assert.deepEqual([graphiql.shown, source.isEnded], [[], false]);
  graphiql.choose(0);
  await soon();
  assert.deepEqual([graphiql.shown, graphiql.sources.length], [['unseen'], 1]);
  source.observer.next('seen');
  assert.deepEqual(graphiql.shown, ['unseen', 'seen']);
});

test('its user ends a subscription, and so does the end of its tab', async () => {
  const graphiql = new GraphiQL();
  graphiql.run();
  graphiql.stop();
  await soon();
  assert.ok(graphiql.sources[0].isEnded);
  graphiql.run();
  graphiql.choose(1);
  await soon();
  graphiql.close(0);
  assert.ok(graphiql.sources[1].isEnded);
});

test('a subscription that ends unseen is shown as ended', async () => {
  const graphiql = new GraphiQL();
  graphiql.run();
  graphiql.choose(1);
  await soon();
  graphiql.sources[0].observer.next('last');
  graphiql.sources[0].observer.complete();
  graphiql.choose(0);
  await soon();
  assert.deepEqual(graphiql.shown, ['last']);
});

test('another request of the same tab is another subscription', async () => {
  const graphiql = new GraphiQL();
  graphiql.run('x');
  graphiql.choose(1);
  await soon();
  graphiql.choose(0);
  graphiql.run('y');
  assert.deepEqual(graphiql.sources.map(({ isEnded }) => isEnded), [true, false]);
});

test('the URL gives an operation, or the documentation', () => {
  assert.deepEqual(givenBy('#query=%7B+a+%7D&variables=%7B%7D'), {
    query: '{ a }',
    variables: '{}',
    showsDocs: false,
  });
  assert.ok(givenBy('#docs').showsDocs);
  assert.equal(givenBy('').query, undefined);
});
