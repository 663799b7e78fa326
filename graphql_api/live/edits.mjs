/** What can be edited of a row on this page, and the mutations that do it. */

/**
 * A value that can be edited.
 *
 * @typedef {object} Editable
 * @property {string[]} path of the value in the row
 * @property {string} label
 * @property {'whole' | 'decimal'} kind of number
 * @property {boolean} [isOptional] whether it may have no value
 */

/**
 * @typedef {object} Edits
 * @property {string[]} [toggle] the path of a value that is on or off
 * @property {Editable[]} [fields]
 * @property {string} [update] the mutation that takes an input
 * @property {string} [remove] the mutation that deletes
 * @property {boolean} [isGuarded] whether these take `ifUpdatedAt`
 * @property {string} [note] what one has to know
 */

/** @type {Record<string, Edits>} by the names of the rows' types */
const EDITS = {
  Job: { remove: 'deleteJob' },
  Policy: {
    update: 'updatePolicy',
    remove: 'deletePolicy',
    isGuarded: true,
    fields: [
      { path: ['limits', 'maxItems'], label: 'Most items', kind: 'whole', isOptional: true },
      { path: ['limits', 'maxDuration'], label: 'Longest, in seconds', kind: 'decimal', isOptional: true },
      { path: ['limits', 'maxCost'], label: 'Highest cost', kind: 'decimal', isOptional: true },
    ],
    note: 'Jobs that are running or paused keep their copy of the policy.',
  },
  Schedule: {
    update: 'updateSchedule',
    remove: 'deleteSchedule',
    isGuarded: true,
    toggle: ['enabled'],
    note: 'The crawler keeps its schedules in memory: it takes this up when it is restarted.',
  },
  DomainLogin: { remove: 'deleteDomainLogin' },
  CaptchaSolver: { remove: 'deleteCaptchaSolver', isGuarded: true },
  RateLimit: {
    update: 'setRateLimit',
    remove: 'deleteRateLimit',
    fields: [{ path: ['delayS'], label: 'Delay, in seconds', kind: 'decimal' }],
    note: 'The crawler reads the limits when it starts.',
  },
};

/** @returns {Edits} nothing, for a table that has no mutations here */
export const editsOf = ({ type }) => EDITS[type] ?? {};

/** Whether a row can be deleted: the global rate limit cannot, and not a job that is not over. */
export function canRemove({ type }, row) {
  if (type === 'RateLimit') return row.domain !== null;
  if (type === 'Job') return ['COMPLETED', 'CANCELLED'].includes(row.runState);
  return editsOf({ type }).remove !== undefined;
}

/** Whether a row's values can be changed: a limit has to be that of its domain. */
export const canUpdate = ({ type }, row) =>
  editsOf({ type }).update !== undefined &&
  (type !== 'RateLimit' || row.domain !== null || row.isGlobal);

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
export function updateRequest({ type }, row, input) {
  const { update, isGuarded } = EDITS[type];
  if (type === 'RateLimit') {
    return {
      query: `mutation($domain: String, $delayS: Float!) {
        ${update}(domain: $domain, delayS: $delayS) { id }
      }`,
      variables: { domain: row.domain, ...input },
    };
  }
  return {
    query: `mutation($id: ID!, $input: Update${type}Input!, $ifUpdatedAt: DateTime) {
      ${update}(id: $id, input: $input, ifUpdatedAt: $ifUpdatedAt) { id }
    }`,
    variables: { id: row.id, input, ...(isGuarded && { ifUpdatedAt: row.updatedAt }) },
  };
}

/**
 * The request that deletes a row.
 *
 * @returns {Request}
 */
export function removeRequest({ type }, row) {
  const { remove, isGuarded } = EDITS[type];
  if ('domain' in row) {
    const query = `mutation($domain: String!) { ${remove}(domain: $domain) }`;
    return { query, variables: { domain: row.domain } };
  }
  if (!isGuarded) {
    return { query: `mutation($id: ID!) { ${remove}(id: $id) }`, variables: { id: row.id } };
  }
  return {
    query: `mutation($id: ID!, $ifUpdatedAt: DateTime) {
      ${remove}(id: $id, ifUpdatedAt: $ifUpdatedAt)
    }`,
    variables: { id: row.id, ifUpdatedAt: row.updatedAt },
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
