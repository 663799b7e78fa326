/** The ready-made tabs: those of the tables, which the server makes, and the examples of this page. */

// One file is one tab, in the order of their names; its variables are beside it.
const queries = import.meta.glob('./tabs/*.graphql', {
  eager: true,
  import: 'default',
  query: '?raw',
});
const variables = import.meta.glob('./tabs/*.json', { eager: true, import: 'default' });

/** Stands in variables for the key of a policy that there is. */
const SOME_POLICY = 'the id of a policy';

/**
 * @param {URL} tabsOfTables where the server has those of the tables
 * @param {URL} graphql
 * @returns {Promise<{query: string, variables?: string}[]>} without those that cannot be fetched
 */
export async function readyMadeTabs(tabsOfTables, graphql) {
  const [ofTables, policy] = await Promise.all([fetched(tabsOfTables), somePolicy(graphql)]);
  const examples = Object.entries(queries).map(([file, query]) => ({
    query: query.trim(),
    ...withVariables(variables[file.replace(/graphql$/, 'json')], policy),
  }));
  return [...ofTables.map((query) => ({ query: query.trim() })), ...examples];
}

function withVariables(values, policy) {
  if (!values) return {};
  const text = JSON.stringify(values, null, 2);
  return { variables: policy ? text.replace(SOME_POLICY, policy) : text };
}

async function fetched(url) {
  try {
    const response = await fetch(url);
    return response.ok ? await response.json() : [];
  } catch {
    return [];
  }
}

/** The key of any policy; nothing, if there is none, or it takes a token to know it. */
async function somePolicy(graphql) {
  try {
    const response = await fetch(graphql, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ policies(limit: 1) { items { id } } }' }),
    });
    return (await response.json()).data?.policies.items[0]?.id;
  } catch {
    return undefined;
  }
}
