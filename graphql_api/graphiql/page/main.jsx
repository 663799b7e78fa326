import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';

import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { createFetcher } from './fetcher.js';
import { ownStorage } from './storage.js';

// Examples: one file is one tab, in the order of their names, behind those of the tables.
const examples = import.meta.glob('./tabs/*.graphql', {
  eager: true,
  import: 'default',
  query: '?raw',
});

// One level above what this is built into, below whatever path a proxy serves both. The variable
// keeps the bundler from taking the URL for a file of its own.
const here = import.meta.url;

/** The tabs that the server makes of its tables; none, if they cannot be fetched. */
async function tabsOfTables() {
  try {
    const response = await fetch(new URL('tabs.json', here));
    return response.ok ? await response.json() : [];
  } catch {
    return [];
  }
}

const tabs = [...(await tabsOfTables()), ...Object.values(examples)];

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    defaultTabs={tabs.map((query) => ({ query: query.trim() }))}
    fetcher={createFetcher(new URL('../graphql', here))}
    storage={ownStorage('graphql-api/')}
  />,
);
