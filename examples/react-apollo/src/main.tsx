import { ApolloClient, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { ApolloProvider } from '@apollo/client/react';
import { resuming } from 'graphql-api-client';
import { useLiveList } from 'graphql-api-client/apollo';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';
import { graphql } from './gql';

const POLICIES = graphql(`subscription Policies { policyChanges {
  ... on FeedState { status cursor }
  ... on PolicyAdded { policy { id name } cursor }
  ... on PolicyUpdated { policy { id name } cursor }
  ... on PolicyDeleted { policyId cursor }
} }`);

const link = new GraphQLWsLink(createClient({ url: '/graphql', ...resuming() }));
const client = new ApolloClient({ link, cache: new InMemoryCache() });

function Policies() {
  const { rows, error } = useLiveList(POLICIES, { orderBy: 'name' });
  if (error) return <p role="alert">{error.message}</p>;
  return <ul>{rows.map(({ id, name }) => <li key={id}>{name}</li>)}</ul>;
}

const root = createRoot(document.getElementById('root')!);
root.render(<ApolloProvider client={client}><Policies /></ApolloProvider>);
