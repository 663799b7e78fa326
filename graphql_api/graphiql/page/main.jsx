import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';

import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';

import { createFetcher } from './fetcher.js';
import { givenBy } from './given.js';
import { KeptSubscriptions } from './kept_subscriptions.js';
import { ownStorage } from './storage.js';
import { readyMadeTabs } from './tabs.js';

// One level above what this is built into, below whatever path a proxy serves both. The variable
// keeps the bundler from taking the URL for a file of its own.
const here = import.meta.url;
const graphql = new URL('../graphql', here);

const kept = new KeptSubscriptions();
const storage = ownStorage('graphql-api/');
const given = givenBy(location.hash);
const isNew = storage.getItem('graphiql:tabState') === null;
const tabs = await readyMadeTabs(new URL('tabs.json', here), graphql);
// Tabs that are kept get one more for what is given; else it is the first of the new ones.
if (given.query && isNew) tabs.unshift(given);
history.replaceState(null, '', location.pathname + location.search);

/** Lets subscriptions be shown again when their tab is. */
function Kept() {
  const { run } = useGraphiQLActions();
  useEffect(() => {
    kept.run = run;
  }, [run]);
  return null;
}

/** Wraps long lines of operations: in a narrow pane they would end below its buttons. */
function WrappedLines() {
  const editor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => editor?.updateOptions({ wordWrap: 'on', wrappingIndent: 'indent' }), [editor]);
  return null;
}

const hasLive = 'live' in document.documentElement.dataset;

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    defaultTabs={tabs}
    fetcher={createFetcher(graphql, kept)}
    initialQuery={given.query}
    initialVariables={given.variables}
    onTabChange={(changed) => kept.tabsHaveChanged(changed)}
    storage={storage}
    visiblePlugin={given.showsDocs ? 'Documentation Explorer' : undefined}
  >
    <GraphiQL.Logo>
      <Kept />
      <WrappedLines />
      {hasLive ? <a href={new URL('../live', here).href}>Live tables</a> : 'graphql-api'}
    </GraphiQL.Logo>
  </GraphiQL>,
);
