/** The tables: what is asked of each, and what its columns show, from their declarations. */

/**
 * A line of a cell: plain text, and how it is to look.
 *
 * @typedef {{text: string, tone?: 'good' | 'bad' | 'quiet' | 'strong', time?: string}} Line
 */

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {number} width as a share of the table's
 * @property {string[]} fields the fields that it shows, by their names in the schema
 * @property {(row: object, look: Look) => Line[]} lines
 */

/**
 * A table as the server declares it, in the module `declared.mjs` that it makes.
 *
 * @typedef {object} Declared
 * @property {string} id of its subscription, and of its place in the page
 * @property {string} title
 * @property {string} stored its name in the database
 * @property {string} field of the subscription
 * @property {string} type the beginning of the names of the union's members
 * @property {string} entity the field of an event that holds the row
 * @property {string} deletedKey the field of a Deleted that holds the row's key
 * @property {string} selection
 * @property {{title: string, width: number, field: string}} name the field that names a row
 * @property {string | null} [newestBy] the field of the time that orders the rows, latest first
 * @property {{title: string, width: number, look: string, paths: string[][]}[]} columns
 */

/**
 * What a row is shown by beside itself.
 *
 * @typedef {{policyName: (id: string) => string | null | undefined}} Look
 */

/**
 * @typedef {Declared & {columns: Column[], order: (row: object) => string | null}} Table
 */

const NONE = [{ text: '–', tone: 'quiet' }];
const number = new Intl.NumberFormat();
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** `robotsTxt` as words: `robots txt`. */
export const words = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** A duration in seconds by its two greatest units: `1 d 2 h`, `90 s` as `1 min 30 s`. */
export function duration(seconds) {
  const units = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
  ];
  const parts = [];
  let rest = seconds;
  for (const [size, unit] of units) {
    const count = Math.floor(rest / size);
    if (count) parts.push(`${number.format(count)} ${unit}`);
    rest -= count * size;
  }
  if (rest || !parts.length) parts.push(`${number.format(rest)} s`);
  return parts.slice(0, 2).join(' ');
}

/** The row's name, or its key if it has none, and which of its stored values do not fit. */
function named(name, row) {
  const lines = [name === null ? { text: row.id, tone: 'quiet' } : { text: name, tone: 'strong' }];
  if (row.invalidFields.length) {
    lines.push({ text: `unfit: ${row.invalidFields.join(', ')}`, tone: 'bad' });
  }
  return lines;
}

function moment(iso) {
  return iso === null ? NONE : [{ text: dayAndTime.format(new Date(iso)), time: iso }];
}

function yesOrNo(value, yes = 'yes', no = 'no') {
  if (typeof value !== 'boolean') return NONE;
  return [value ? { text: yes, tone: 'good' } : { text: no, tone: 'quiet' }];
}

function limits(values) {
  if (values === null) return NONE;
  const { maxItems, maxDuration, maxCost } = values;
  const parts = [];
  if (maxItems !== null) parts.push(`${number.format(maxItems)} items`);
  if (maxDuration !== null) parts.push(duration(maxDuration));
  if (maxCost !== null) parts.push(`cost ${number.format(maxCost)}`);
  return parts.length ? [{ text: parts.join(' · ') }] : [{ text: 'none', tone: 'quiet' }];
}

function interval(numUnits, timeUnit, timing) {
  if (numUnits === null || timeUnit === null) return NONE;
  const unit = timeUnit.toLowerCase();
  const every = numUnits === 1 ? unit.slice(0, -1) : `${number.format(numUnits)} ${unit}`;
  const lines = [{ text: `every ${every}` }];
  if (timing === 'AFTER_PREVIOUS_JOB_FINISHED') {
    lines.push({ text: 'after the job before', tone: 'quiet' });
  }
  return lines;
}

function policyOf(policyId, { policyName }) {
  if (policyId === null) return NONE;
  const name = policyName(policyId);
  return [name ? { text: name } : { text: policyId, tone: 'quiet' }];
}

function user({ username, hasPassword, working }) {
  const name = username ?? 'without a name';
  const password = hasPassword ? '' : ', no password';
  if (working === false) return { text: `${name}: login failed${password}`, tone: 'bad' };
  return { text: `${name}${working ? ': works' : ''}${password}`, tone: working ? 'good' : 'quiet' };
}

/** How a cell shows its values, by the names that declarations have for it. */
const LOOKS = {
  text: (value) => (isShown(value) ? [{ text: String(value) }] : NONE),
  word: (value) => (isShown(value) ? [{ text: String(value).toLowerCase() }] : NONE),
  number: (value) => (isShown(value) ? [{ text: number.format(value) }] : NONE),
  list: (values) => (values?.length ? [{ text: values.join(', ') }] : NONE),
  switch: (value) => yesOrNo(value, 'on', 'off'),
  yesOrNo: (value) => yesOrNo(value),
  time: moment,
  limits,
  interval,
  policy: policyOf,
  users: (users) => (users?.length ? users.map(user) : NONE),
};

const isShown = (value) => value !== null && value !== undefined;
const at = (row, path) => path.reduce((value, name) => value?.[name], row);

/**
 * A table as the page shows it.
 *
 * @param {Declared} declared
 * @returns {Table}
 */
export function tableOf(declared) {
  const { name, newestBy } = declared;
  const order = (row) => row[newestBy ?? name.field];
  const names = {
    title: name.title,
    width: name.width,
    fields: [name.field, 'invalidFields'],
    lines: (row) => named(row[name.field], row),
  };
  const columns = declared.columns.map(({ title, width, look, paths }) => ({
    title,
    width,
    fields: paths.map(([field]) => field),
    lines: (row, beside) => LOOKS[look](...paths.map((path) => at(row, path)), beside),
  }));
  return { ...declared, order, columns: [names, ...columns] };
}

/** The document by which a table is followed. */
export function subscription({ field, type, entity, deletedKey, selection }) {
  return `subscription {
    ${field} {
      __typename
      ... on FeedState { status cursor }
      ... on ${type}Added { cursor ${entity} { ${selection} } }
      ... on ${type}Updated { cursor changedFields ${entity} { ${selection} } }
      ... on ${type}Deleted { cursor ${deletedKey} }
    }
  }`;
}
