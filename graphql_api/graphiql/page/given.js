/** What the page's URL gives: an operation to open, as links of `/live` have it, or the documentation. */

/**
 * @param {string} hash `#query=…&variables=…`, `#docs`, or nothing
 * @returns {{query?: string, variables?: string, showsDocs: boolean}}
 */
export function givenBy(hash) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''));
  return {
    query: parameters.get('query') ?? undefined,
    variables: parameters.get('variables') ?? undefined,
    showsDocs: parameters.has('docs'),
  };
}
