/** What can be changed of a row on this page, by the mutations that the server declares. */

/**
 * A value that can be changed.
 *
 * @typedef {object} Editable
 * @property {string[]} path of the value in the row, and in the input
 * @property {string} label
 * @property {'whole' | 'decimal' | 'switch'} kind a number, or whether something is on
 * @property {boolean} isOptional whether it may have no value
 */

/**
 * A mutation.
 *
 * @typedef {object} Mutation
 * @property {string} name
 * @property {Record<string, string>} arguments their types, as GraphQL writes them, by their names
 */

/**
 * @typedef {object} Edits
 * @property {Mutation | null} update
 * @property {Mutation | null} remove
 * @property {Editable[]} fields what `update` changes here
 * @property {string} what what the numbers among them are called together
 * @property {string} note what one has to know who changes a row
 * @property {string[]} needs fields of which one has a value in each row that can be changed
 * @property {Record<string, string[]>} removableIf what fields have to be in a row that can be deleted
 * @property {string} removedToo what is deleted with a row
 */

/** Those that are typed into a form. */
export const numbersOf = ({ fields }) => fields.filter(({ kind }) => kind !== 'switch');

/** The one that is switched by a button. */
export const switchOf = ({ fields }) => fields.find(({ kind }) => kind === 'switch');

/** Whether a row can be deleted: it has the key that the mutation needs, and values of `removableIf`. */
export const canRemove = ({ edits: { remove, removableIf } }, row) =>
  remove !== null &&
  isNamed(remove, row) &&
  Object.entries(removableIf).every(([field, values]) => values.includes(row[field]));

/** Whether a row's values can be changed: a limit has to be that of its domain. */
export const canUpdate = ({ edits: { update, needs } }, row) =>
  update !== null && isNamed(update, row) && (!needs.length || needs.some((field) => row[field]));

/** Whether a row has what a mutation needs to name it. */
const isNamed = (mutation, row) =>
  Object.entries(mutation.arguments).every(
    ([name, type]) => !type.endsWith('!') || !(name in row) || row[name] !== null,
  );

/**
 * A request, as GraphQL over HTTP has it.
 *
 * @typedef {{query: string, variables: object}} Request
 */

/**
 * The request that changes some values of a row.
 *
 * @param {import('./tables.mjs').Table} table
 * @param {object} row as it was read
 * @param {object} input the values, nested as in the row
 * @returns {Request}
 */
export const updateRequest = ({ edits: { update } }, row, input) =>
  request(update, row, 'input' in update.arguments ? { input } : input, '{ id }');

/**
 * The request that deletes a row.
 *
 * @returns {Request}
 */
export const removeRequest = ({ edits: { remove } }, row) => request(remove, row, {}, '');

/**
 * The request for a mutation. Its arguments are those that are given, those that name the row, and
 * the time of what was read; others keep their defaults.
 */
function request(mutation, row, given, selection) {
  const known = { ...row, ...('updatedAt' in row && { ifUpdatedAt: row.updatedAt }), ...given };
  const used = Object.entries(mutation.arguments).filter(([name]) => name in known);
  const declared = used.map(([name, type]) => `$${name}: ${type}`).join(', ');
  const passed = used.map(([name]) => `${name}: $${name}`).join(', ');
  return {
    query: `mutation(${declared}) { ${mutation.name}(${passed}) ${selection} }`,
    variables: Object.fromEntries(used.map(([name]) => [name, known[name]])),
  };
}

/**
 * The number that somebody has typed.
 *
 * @param {Editable} editable
 * @param {string} text
 * @returns {{value?: number | null, problem?: string}}
 */
export function parsed({ kind, isOptional }, text) {
  const plain = text.trim();
  if (!plain) return isOptional ? { value: null } : { problem: 'A number is needed.' };
  const value = Number(plain);
  if (!Number.isFinite(value)) return { problem: 'This is no number.' };
  if (kind === 'whole' && !Number.isInteger(value)) return { problem: 'This is no whole number.' };
  return { value };
}

/** What a row has at a path. */
export const valueAt = (row, path) => path.reduce((value, name) => value?.[name], row) ?? null;

/** Values at paths as an input: `[[['limits', 'maxItems'], 5]]` is `{limits: {maxItems: 5}}`. */
export function nested(values) {
  const input = {};
  for (const [path, value] of values) {
    const inner = path.slice(0, -1).reduce((place, name) => (place[name] ??= {}), input);
    inner[path.at(-1)] = value;
  }
  return input;
}

/**
 * The problems of an input by the paths of their values; those of no editable value have none.
 *
 * @param {{extensions?: {problems?: {path: (string | number)[], message: string}[]}, message: string}} error
 * @param {Editable[]} fields
 * @returns {{path: string | null, message: string}[]}
 */
export function problemsAt({ message, extensions }, fields) {
  const paths = fields.map(({ path }) => path.join('.'));
  const listed = extensions?.problems ?? [];
  if (!listed.length) return [{ path: null, message }];
  return listed.map((problem) => {
    const path = problem.path.filter((step) => step !== 'input').join('.');
    return { path: paths.includes(path) ? path : null, message: problem.message };
  });
}
