/**
 * The page on which the tests look at the lists: one for each `list` of its address, by the client
 * that `client` names, from the server at `http` and `ws`. With `cache=shared` all lists have one
 * client, else each has its own.
 */

import type { ReactNode } from 'react';

import { ApolloProvider } from '@apollo/client/react';
import { createClient } from 'graphql-ws';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider as UrqlProvider } from 'urql';

import { resuming } from '../resume.js';
import { PolicyList as ApolloList, createApolloClient, createSharedCache } from './apollo';
import { keepLive } from './graphql-ws';
import { PolicyRows } from './policy-rows';
import { PolicyList as UrqlList, createCache, createUrqlClient, embedded } from './urql';

const address = new URLSearchParams(location.search);
const http = address.get('http') ?? '';
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
  element.dataset.list = nameContains;
  document.body.append(element);
  return element;
}

switch (address.get('client')) {
  case 'apollo':
    show(
      () => createApolloClient(http, socket, isShared ? createSharedCache() : undefined),
      (client, nameContains) => (
        <ApolloProvider client={client}>
          <ApolloList nameContains={nameContains} />
        </ApolloProvider>
      ),
    );
    break;
  case 'urql':
    show(
      () => createUrqlClient(http, socket, isShared ? createCache({ Policy: embedded }) : undefined),
      (client, nameContains) => (
        <UrqlProvider value={client}>
          <UrqlList nameContains={nameContains} />
        </UrqlProvider>
      ),
    );
    break;
  case 'graphql-ws':
    for (const nameContains of address.getAll('list')) {
      const root = createRoot(section(nameContains));
      void keepLive(socket, { nameContains }, (page) => root.render(<PolicyRows page={page} />));
    }
    break;
}
