/** GraphQL over HTTP: what is asked once. */

import { currentToken } from './token.mjs';

/** Where the server's GraphQL is: one level above this module, below whatever path a proxy serves both. */
export const GRAPHQL = new URL('../graphql', import.meta.url);

/** The same for a WebSocket. */
export function socketURL() {
  const url = new URL(GRAPHQL);
  url.protocol = url.protocol.replace('http', 'ws');
  return url;
}

/**
 * The error of a request that has failed, as GraphQL has it.
 *
 * @typedef {{message: string, extensions?: {code?: string}}} RequestError
 */

/**
 * Run a query or a mutation.
 *
 * @param {string} query
 * @param {object} [variables]
 * @returns {Promise<{data: object | null, error: RequestError | null}>} the first error, if there is
 *   any; it is never rejected
 */
export async function ask(query, variables) {
  const token = currentToken();
  try {
    const response = await fetch(GRAPHQL, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json',
        'content-type': 'application/json',
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query, variables }),
    });
    const text = await response.text();
    return answerOf(response, text);
  } catch {
    return { data: null, error: { message: 'The server does not answer.' } };
  }
}

/** An answer that is no JSON comes of something before GraphQL. */
function answerOf(response, text) {
  try {
    const { data, errors } = JSON.parse(text);
    return { data: data ?? null, error: errors?.[0] ?? null };
  } catch {
    return { data: null, error: { message: `HTTP ${response.status}: ${text.trim().slice(0, 200)}` } };
  }
}
