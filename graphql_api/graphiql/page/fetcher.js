import { getOperationAST } from 'graphql';

import { subscribe } from './subscribe.js';

/**
 * GraphiQL's way to the server: queries and mutations by HTTP, subscriptions over
 * graphql-transport-ws. What the headers editor holds goes with both.
 *
 * @param {URL} url
 * @returns {import('@graphiql/toolkit').Fetcher}
 */
export function createFetcher(url) {
  return (request, { documentAST, headers } = {}) => {
    const operation = documentAST && getOperationAST(documentAST, request.operationName);
    return operation?.operation === 'subscription'
      ? subscribe(url, request, headers)
      : post(url, request, headers);
  };
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
