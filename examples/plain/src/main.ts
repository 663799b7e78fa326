import { liveList, resuming } from 'graphql-api-client';
import { createClient } from 'graphql-ws';

const query = `subscription Policies { policyChanges {
  ... on FeedState { status cursor }
  ... on PolicyAdded { policy { id name } cursor }
  ... on PolicyUpdated { policy { id name } cursor }
  ... on PolicyDeleted { policyId cursor }
} }`;

const client = createClient({ url: '/graphql', ...resuming() });
type Policy = { id: string; name: string | null };
const policies = liveList<Policy>(client, query, { orderBy: 'name' });

policies.subscribe(({ rows, status, error }) => {
  if (error) throw error;
  if (status === 'INITIALIZING') return; // the rows stay on the page until the new ones are complete
  const items = rows.map(({ name }) => {
    const item = document.createElement('li');
    item.textContent = name;
    return item;
  });
  document.querySelector('ul')!.replaceChildren(...items);
});
