/** What is in view, as the page's URL has it: it can be kept, shared and gone back to. */

/**
 * @typedef {object} View
 * @property {string} table the id of the table in view
 * @property {string} query what is searched for
 * @property {[string, string][]} where the keys of filters, and what they want
 * @property {string | null} sort a column's slug, with a minus for down; null for the table's own order
 * @property {boolean} isPaused
 * @property {string | null} row the key of the row in the drawer
 */

/**
 * The view of a URL. What does not fit the tables is left out.
 *
 * @param {string} search `?table=jobs&where=state%3Drunning&q=news&sort=-items&paused=1&row=a`
 * @param {import('./tables.mjs').Table[]} tables
 * @returns {View}
 */
export function readView(search, tables) {
  const parameters = new URLSearchParams(search);
  const table = tables.find(({ id }) => id === parameters.get('table')) ?? tables[0];
  const sort = parameters.get('sort');
  const isColumn = table.columns.some(({ slug }) => slug === sort?.replace(/^-/, ''));
  return {
    table: table.id,
    query: parameters.get('q') ?? '',
    where: parameters
      .getAll('where')
      .map(splitAtFirst)
      .filter(([key]) => table.filters.some((filter) => filter.key === key)),
    sort: isColumn ? sort : null,
    isPaused: parameters.get('paused') === '1',
    row: parameters.get('row'),
  };
}

/**
 * @param {View} view
 * @returns {string} begins with `?`
 */
export function writeView({ table, query, where, sort, isPaused, row }) {
  const parameters = new URLSearchParams({ table });
  if (query) parameters.set('q', query);
  for (const condition of where) parameters.append('where', condition.join('='));
  if (sort) parameters.set('sort', sort);
  if (isPaused) parameters.set('paused', '1');
  if (row !== null) parameters.set('row', row);
  return `?${parameters}`;
}

/** The view of another table: nothing of the one before is kept but the pause. */
export const viewOf = (table, { isPaused }) => ({
  table,
  query: '',
  where: [],
  sort: null,
  isPaused,
  row: null,
});

function splitAtFirst(text) {
  const [key, ...rest] = text.split('=');
  return [key, rest.join('=')];
}
