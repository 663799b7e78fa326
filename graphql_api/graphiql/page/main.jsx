import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';

import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { createFetcher } from './fetcher.js';
import { ownStorage } from './storage.js';

// One file is one tab, in the order of their names.
const tabs = import.meta.glob('./tabs/*.graphql', {
  eager: true,
  import: 'default',
  query: '?raw',
});

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    defaultTabs={Object.values(tabs).map((query) => ({ query: query.trim() }))}
    fetcher={createFetcher(new URL('graphql', document.baseURI))}
    storage={ownStorage('graphql-api/')}
  />,
);
