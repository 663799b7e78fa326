import { createCollection, createLiveQueryCollection, useLiveQuery } from '@tanstack/react-db';
import { resuming } from 'graphql-api-client';
import { liveCollectionOptions } from 'graphql-api-client/tanstack-db';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';

const query = `subscription Policies { policyChanges {
  ... on FeedState { status cursor }
  ... on PolicyAdded { policy { id name } cursor }
  ... on PolicyUpdated { policy { id name } cursor }
  ... on PolicyDeleted { policyId cursor }
} }`;

const client = createClient({ url: '/graphql', ...resuming() });
type Policy = { id: string; name: string | null };
const all = createCollection(liveCollectionOptions<Policy>({ client, query }));
const policies = createLiveQueryCollection((q) => q.from({ all }).orderBy(({ all }) => all.name));

function Policies() {
  const { data } = useLiveQuery(policies);
  return <ul>{data.map(({ id, name }) => <li key={id}>{name}</li>)}</ul>;
}

createRoot(document.getElementById('root')!).render(<Policies />);
