import { cacheExchange } from '@urql/exchange-graphcache';
import { resuming } from 'graphql-api-client';
import { graphcache } from 'graphql-api-client/graphcache';
import { socketExchange, useLiveList } from 'graphql-api-client/urql';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';
import { Client, Provider } from 'urql';
import { graphql } from './gql';

const POLICIES = graphql(`subscription Policies { policyChanges {
  ... on FeedState { status cursor }
  ... on PolicyAdded { policy { id name } cursor }
  ... on PolicyUpdated { policy { id name } cursor }
  ... on PolicyDeleted { policyId cursor }
} }`);

const socket = socketExchange(createClient({ url: '/graphql', ...resuming() }));
const client = new Client({ url: '/graphql', exchanges: [cacheExchange(graphcache), socket] });

function Policies() {
  const { rows, error } = useLiveList(POLICIES, { orderBy: 'name' });
  if (error) return <p role="alert">{error.message}</p>;
  return <ul>{rows.map(({ id, name }) => <li key={id}>{name}</li>)}</ul>;
}

const root = createRoot(document.getElementById('root')!);
root.render(<Provider value={client}><Policies /></Provider>);
