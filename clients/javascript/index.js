import { createStore } from './store.js';

export { applyEvent, emptyList } from './reducer.js';
export { resuming } from './resuming.js';

/** A list that graphql-ws keeps live; `index.d.ts` says what it does. */
export function liveList(client, query, { variables, orderBy } = {}) {
  return createStore((sink) => overWebSocket(client, query, variables, sink), orderBy);
}

/** A subscription by graphql-ws, whose end is an error: the server does not end one. */
export function overWebSocket(client, query, variables, { next, error }) {
  const complete = () => error(new Error('The server has ended the subscription.'));
  return client.subscribe({ query: `${query}`, variables }, { next, error, complete });
}
