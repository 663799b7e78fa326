import { ApolloClient, gql, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { useSubscription } from '@apollo/client/react';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';

const POLICIES = gql`subscription LivePage { livePolicies { items { id name } } }`;
type Data = { livePolicies: { items: { id: string; name: string | null }[] } };

const link = new GraphQLWsLink(createClient({ url: '/graphql', retryAttempts: Infinity }));
const client = new ApolloClient({ link, cache: new InMemoryCache() });

function Policies() {
  const { data, error } = useSubscription<Data>(POLICIES, { client });
  if (error) return <p role="alert">{error.message}</p>;
  return <ul>{data?.livePolicies.items.map(({ id, name }) => <li key={id}>{name}</li>)}</ul>;
}

createRoot(document.getElementById('root')!).render(<Policies />);
