import { createStore } from './store.js';

export { applyEvent, emptyList } from './reducer.js';
export { resuming } from './resuming.js';

/** A list that graphql-ws keeps live; `index.d.ts` says what it does. */
export function liveList(client, query, { variables, orderBy } = {}) {
  return createStore((sink) => client.subscribe({ query: `${query}`, variables }, sink), orderBy);
}
