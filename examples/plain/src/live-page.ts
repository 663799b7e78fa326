import { createClient } from 'graphql-ws';

const query = 'subscription LivePage { livePolicies { items { id name } } }';
type Data = { livePolicies: { items: { id: string; name: string | null }[] } };

const client = createClient({ url: '/graphql', retryAttempts: Infinity });

for await (const { data, errors } of client.iterate<Data>({ query })) {
  if (!data) throw new Error(errors?.[0]?.message);
  const items = data.livePolicies.items.map(({ id, name }) => {
    const item = document.createElement('li');
    item.id = id;
    item.textContent = name;
    return item;
  });
  document.querySelector('ul')!.replaceChildren(...items);
}
