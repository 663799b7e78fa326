import { resuming } from 'graphql-api-client';
import { createClient } from 'graphql-ws';

const query = `subscription { policyChanges(where: { nameContains: "crawl" }) {
  __typename
  ... on FeedState { status cursor }
  ... on PolicyAdded { cause policy { id name } cursor }
  ... on PolicyUpdated { changedFields policy { id name } previous { name } cursor }
  ... on PolicyDeleted { cause policyId cursor }
} }`;

const url = process.env.GRAPHQL_API ?? 'ws://127.0.0.1:8000/graphql';
const client = createClient({ url, ...resuming() });

for await (const { data, errors } of client.iterate({ query })) {
  if (!data) throw new Error(errors[0].message);
  const event = data.policyChanges;
  switch (event.__typename) {
    case 'FeedState':
      console.log(event.status);
      break;
    case 'PolicyAdded':
      console.log(`+ ${event.policy.name} (${event.cause})`);
      break;
    case 'PolicyUpdated':
      console.log(`~ ${event.policy.name}: ${event.changedFields}`);
      break;
    case 'PolicyDeleted':
      console.log(`- ${event.policyId} (${event.cause})`);
  }
}
