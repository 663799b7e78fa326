import { useMemo, useSyncExternalStore } from 'react';

import { createStore } from './store.js';

/**
 * A list in React: one for each client, document and options that are the same by their JSON.
 *
 * @param subscribe `(client, document, variables, sink) => end`
 */
export function useList(subscribe, client, document, { variables, orderBy } = {}) {
  const json = JSON.stringify(variables);
  const { current, store } = useMemo(() => {
    const store = createStore(
      (sink) => subscribe(client, document, variables, sink),
      orderBy,
    );
    return { store, current: () => store.current };
  }, [subscribe, client, document, json, orderBy]);
  return useSyncExternalStore(store.subscribe, current, current);
}
