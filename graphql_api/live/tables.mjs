/** The tables as the page shows them, from their declarations. */

import { LOOKS } from './looks.mjs';

/** @typedef {import('./looks.mjs').Line} Line */
/** @typedef {import('./looks.mjs').Beside} Beside */

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {string} slug its name in the URL
 * @property {string} [look] by its name in `looks.mjs`
 * @property {number} width as a share of the table's
 * @property {boolean} isNumber whether it stands at the right
 * @property {string[]} fields the fields that it shows, by their names in the schema
 * @property {(row: object, beside: Beside) => Line[]} lines
 * @property {(row: object) => string | number | null} order what rows are sorted by
 */

/**
 * A table as the server declares it, in the module `declared.mjs` that it makes.
 *
 * @typedef {object} Declared
 * @property {string} id of its subscription, and of its tab
 * @property {string} title
 * @property {string} singular what one of its rows is called
 * @property {string} stored its name in the database
 * @property {string} field of the subscription
 * @property {string} rowField the query's field for one row
 * @property {string} keyArgument of that field
 * @property {'ID' | 'String'} keyType of that argument
 * @property {string} type the beginning of the names of the union's members
 * @property {string} entity the field of an event that holds the row
 * @property {string} deletedKey the field of a Deleted that holds the row's key
 * @property {string} selection what the page follows
 * @property {string} wholeSelection every field of a row
 * @property {boolean} hasProblems whether a row says what would stop the crawler
 * @property {{title: string, width: number, field: string}} name the field that names a row
 * @property {string | null} [newestBy] the field of the time that orders the rows, latest first
 * @property {{title: string, width: number, look: string, paths: string[][]}[]} columns
 * @property {import('./filters.mjs').Filter[]} filters
 * @property {import('./edits.mjs').Edits} edits
 * @property {{field: string, table: string, name: string, isList: boolean}[]} links the fields that
 *   lead to rows of other tables, and the fields that name those
 */

/**
 * @typedef {Declared & {
 *   columns: Column[],
 *   order: (row: object) => string | null,
 *   nameOf: (row: object) => string,
 * }} Table
 */

const at = (row, path) => path.reduce((value, name) => value?.[name], row);

/** The row's name, or its key if it has none, and which of its stored values do not fit. */
function named(name, row) {
  const lines = [name === null ? { text: row.id, tone: 'quiet' } : { text: name, tone: 'strong' }];
  if (row.invalidFields.length) {
    lines.push({ text: `unfit: ${row.invalidFields.join(', ')}`, tone: 'bad' });
  }
  return lines;
}

/** Whether a path is that of a value, or of a part of it: `limits.maxItems` and `users[1]` are. */
const isWithin = (path, value) =>
  path.startsWith(value) && ['.', '[', undefined].includes(path[value.length]);

/** The lines of a cell whose stored value may not fit: `none` would say that there is no value. */
function withUnfit(lines, { invalidFields }, paths) {
  const saysNothing = lines.length === 1 && lines[0].tone === 'quiet';
  const isUnfit = () =>
    paths.some((path) => invalidFields.some((unfit) => isWithin(unfit, path.join('.'))));
  return saysNothing && isUnfit() ? [{ text: 'unfit', tone: 'bad' }] : lines;
}

const slugOf = (title) => title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');

/**
 * A table as the page shows it.
 *
 * @param {Declared} declared
 * @param {Beside} beside
 * @returns {Table}
 */
export function tableOf(declared, beside) {
  const { name, newestBy } = declared;
  const nameColumn = {
    title: name.title,
    slug: slugOf(name.title),
    width: name.width,
    isNumber: false,
    fields: [name.field, 'invalidFields'],
    lines: (row) => named(row[name.field], row),
    order: (row) => row[name.field],
  };
  const columns = declared.columns.map(({ title, width, look, paths }) => {
    const valuesOf = (row) => paths.map((path) => at(row, path));
    return {
      title,
      slug: slugOf(title),
      look,
      width,
      isNumber: LOOKS[look].isNumber ?? false,
      fields: paths.map(([field]) => field),
      lines: (row) => withUnfit(LOOKS[look].lines(valuesOf(row), beside, row), row, paths),
      order: (row) => LOOKS[look].order(valuesOf(row), beside),
    };
  });
  return {
    links: [],
    ...declared,
    columns: [nameColumn, ...columns],
    order: (row) => row[newestBy ?? name.field],
    nameOf: (row) => row[name.field] ?? row.id,
  };
}
