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

// One level above what this is built into, below whatever path a proxy serves both. The variable
// keeps the bundler from taking the URL for a file of its own.
const here = import.meta.url;

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    defaultTabs={Object.values(tabs).map((query) => ({ query: query.trim() }))}
    fetcher={createFetcher(new URL('../graphql', here))}
    storage={ownStorage('graphql-api/')}
  />,
);
