/**
 * The page on which the tests look at the lists: one for each `list` of its address, by the client
 * that `client` names, from the server at `ws`. With `cache=shared` all lists have one client, else
 * each has its own.
 */

import type { ReactNode } from 'react';

import { ApolloProvider } from '@apollo/client/react';
import { print } from 'graphql';
import { liveList, resuming } from 'graphql-api-client';
import { createClient } from 'graphql-ws';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider as UrqlProvider } from 'urql';

import type { Policy } from './rows';

import { PolicyList as ApolloList, createApolloClient } from './apollo';
import { POLICIES } from './policies';
import { PolicyRows } from './rows';
import { PolicyList as CollectionList, createPolicies } from './tanstack-db';
import { PolicyList as UrqlList, createUrqlClient } from './urql';

const address = new URLSearchParams(location.search);
const isShared = address.get('cache') === 'shared';
const socket = createClient({
  url: address.get('ws') ?? '',
  ...resuming(),
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 10)),
});

/** Show the lists; `render` is given what `create` makes. */
function show<T>(create: () => T, render: (client: T, nameContains: string) => ReactNode) {
  const shared = isShared ? create() : undefined;
  for (const nameContains of address.getAll('list')) {
    const list = render(shared ?? create(), nameContains);
    createRoot(section(nameContains)).render(<StrictMode>{list}</StrictMode>);
  }
}

function section(nameContains: string): HTMLElement {
  const element = document.createElement('section');
  element.dataset['list'] = nameContains;
  document.body.append(element);
  return element;
}

switch (address.get('client')) {
  case 'apollo':
    show(
      () => createApolloClient(socket),
      (client, nameContains) => (
        <ApolloProvider client={client}>
          <ApolloList nameContains={nameContains} />
        </ApolloProvider>
      ),
    );
    break;
  case 'urql':
    show(
      () => createUrqlClient(socket),
      (client, nameContains) => (
        <UrqlProvider value={client}>
          <UrqlList nameContains={nameContains} />
        </UrqlProvider>
      ),
    );
    break;
  case 'tanstack-db':
    for (const nameContains of address.getAll('list')) {
      const policies = createPolicies(socket, nameContains);
      const list = <CollectionList {...policies} />;
      createRoot(section(nameContains)).render(<StrictMode>{list}</StrictMode>);
    }
    break;
  case 'graphql-ws':
    for (const nameContains of address.getAll('list')) {
      const root = createRoot(section(nameContains));
      const options = { variables: { where: { nameContains } }, orderBy: 'name' as const };
      const policies = liveList<Policy>(socket, print(POLICIES), options);
      policies.subscribe((list) => root.render(<PolicyRows {...list} />));
    }
    break;
}
