import { getOperationAST, parse } from 'graphql';

import { subscribe } from './subscribe.js';

/**
 * GraphiQL's way to the server: queries and mutations by HTTP, subscriptions over
 * graphql-transport-ws. What the headers editor holds goes with both.
 *
 * @param {URL} url
 * @param {import('./kept_subscriptions.js').KeptSubscriptions} kept
 * @returns {import('@graphiql/toolkit').Fetcher}
 */
export function createFetcher(url, kept) {
  return (request, { headers } = {}) => {
    const operation = operationOf(request);
    // For a moment after the change of a tab, GraphiQL gives the name of the one before.
    const named = { ...request, operationName: operation?.name?.value };
    return operation?.operation === 'subscription'
      ? kept.keep(JSON.stringify([named, headers]), subscribe(url, named, headers))
      : post(url, named, headers);
  };
}

/** The operation to run; nothing, if that is not clear: then the server says why. */
function operationOf({ query, operationName }) {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document);
  } catch {
    return undefined;
  }
}

async function post(url, request, headers) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json',
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(request),
    });
    return resultOf(response, await response.text());
  } catch (error) {
    return { errors: [{ message: `There is no answer from the server: ${error.message}` }] };
  }
}

/** The result that a response carries. One that is no JSON comes of something before GraphQL. */
function resultOf(response, text) {
  try {
    return JSON.parse(text);
  } catch {
    return { errors: [{ message: `HTTP ${response.status}: ${text.trim()}` }] };
  }
}
