/** The token to connect with. The browser forgets it with the tab. */

const KEY = 'graphql-api token';

let token = null;
try {
  token = sessionStorage.getItem(KEY);
} catch {
  // This browser lets no page keep anything; until it is left, this page remembers by itself.
}

/** @returns {string | null} */
export const currentToken = () => token;

/** @param {string} text nothing, for none */
export function useToken(text) {
  token = text || null;
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // as above
  }
}
