import { socketExchange } from 'graphql-api-client/urql';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';
import { Client, Provider, useSubscription } from 'urql';

const query = 'subscription LivePage { livePolicies { items { id name } } }';
type Data = { livePolicies: { items: { id: string; name: string | null }[] } };

const socket = socketExchange(createClient({ url: '/graphql', retryAttempts: Infinity }));
const client = new Client({ url: '/graphql', exchanges: [socket] });

function Policies() {
  const [{ data, error }] = useSubscription<Data>({ query });
  if (error) return <p role="alert">{error.message}</p>;
  return <ul>{data?.livePolicies.items.map(({ id, name }) => <li key={id}>{name}</li>)}</ul>;
}

const root = createRoot(document.getElementById('root')!);
root.render(<Provider value={client}><Policies /></Provider>);
