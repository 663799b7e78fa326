import { follow } from './follow.js';
import { changeOf } from './reducer.js';

/** Options of a collection that graphql-ws keeps live; `tanstack-db.d.ts` says what it does. */
export function liveCollectionOptions({ client, query, variables, ...options }) {
  return {
    getKey: (row) => row.id,
    ...options,
    sync: {
      rowUpdateMode: 'full',
      sync({ begin, write, commit, truncate, markReady, markError }) {
        const held = new Set();
        let isSnapshot = false;

        function apply(event) {
          if (event.status === 'INITIALIZING') {
            if (!isSnapshot) begin(); // what a snapshot that broke off has written is truncated too
            isSnapshot = true;
            truncate();
            held.clear();
          } else if (event.status) {
            if (isSnapshot) commit();
            isSnapshot = false;
            markReady();
          } else {
            if (!isSnapshot) begin();
            change(...changeOf(event));
            if (!isSnapshot) commit();
          }
        }

        function change(key, value) {
          if (value) write({ type: held.has(key) ? 'update' : 'insert', value });
          else if (held.has(key)) write({ type: 'delete', key });
          if (value) held.add(key);
          else held.delete(key);
        }

        const source = (sink) => client.subscribe({ query: `${query}`, variables }, sink);
        return follow(source, apply, markError);
      },
    },
  };
}
