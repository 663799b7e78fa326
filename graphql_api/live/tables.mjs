/** The three tables: what is asked of each, and what its columns show. */

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
 * What a row is shown by beside itself.
 *
 * @typedef {{policyName: (id: string) => string | null | undefined}} Look
 */

/**
 * @typedef {object} Table
 * @property {string} id of its subscription, and of its place in the page
 * @property {string} title
 * @property {string} field of the subscription
 * @property {string} type the beginning of the names of the union's members
 * @property {string} entity the field of an event that holds the row
 * @property {string} deletedKey the field of a Deleted that holds the row's key
 * @property {string} selection
 * @property {(row: object) => string | null} order the text by which rows are sorted
 * @property {Column[]} columns the first names the row
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

function limits(row) {
  if (row.limits === null) return NONE;
  const { maxItems, maxDuration, maxCost } = row.limits;
  const parts = [];
  if (maxItems !== null) parts.push(`${number.format(maxItems)} items`);
  if (maxDuration !== null) parts.push(duration(maxDuration));
  if (maxCost !== null) parts.push(`cost ${number.format(maxCost)}`);
  return parts.length ? [{ text: parts.join(' · ') }] : [{ text: 'none', tone: 'quiet' }];
}

function interval({ numUnits, timeUnit, timing }) {
  if (numUnits === null || timeUnit === null) return NONE;
  const unit = timeUnit.toLowerCase();
  const every = numUnits === 1 ? unit.slice(0, -1) : `${number.format(numUnits)} ${unit}`;
  const lines = [{ text: `every ${every}` }];
  if (timing === 'AFTER_PREVIOUS_JOB_FINISHED') {
    lines.push({ text: 'after the job before', tone: 'quiet' });
  }
  return lines;
}

function policyOf({ policyId }, { policyName }) {
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

/** @type {Table[]} */
export const TABLES = [
  {
    id: 'policies',
    title: 'Policies',
    field: 'policyChanges',
    type: 'Policy',
    entity: 'policy',
    deletedKey: 'policyId',
    selection: `id name limits { maxItems maxDuration maxCost } robotsTxt { usage }
      authentication { enabled } updatedAt invalidFields`,
    order: (row) => row.name,
    columns: [
      {
        title: 'Name',
        width: 24,
        fields: ['name', 'invalidFields'],
        lines: (row) => named(row.name, row),
      },
      { title: 'Limits', width: 24, fields: ['limits'], lines: limits },
      {
        title: 'robots.txt',
        width: 9,
        fields: ['robotsTxt'],
        lines: ({ robotsTxt }) =>
          robotsTxt?.usage ? [{ text: robotsTxt.usage.toLowerCase() }] : NONE,
      },
      {
        title: 'Logs in',
        width: 8,
        fields: ['authentication'],
        lines: (row) => yesOrNo(row.authentication?.enabled),
      },
      { title: 'Updated', width: 20, fields: ['updatedAt'], lines: (row) => moment(row.updatedAt) },
    ],
  },
  {
    id: 'schedules',
    title: 'Schedules',
    field: 'scheduleChanges',
    type: 'Schedule',
    entity: 'schedule',
    deletedKey: 'scheduleId',
    selection: `id scheduleName enabled numUnits timeUnit timing policyId jobCount updatedAt
      invalidFields`,
    order: (row) => row.scheduleName,
    columns: [
      {
        title: 'Name',
        width: 21,
        fields: ['scheduleName', 'invalidFields'],
        lines: (row) => named(row.scheduleName, row),
      },
      {
        title: 'Enabled',
        width: 8,
        fields: ['enabled'],
        lines: (row) => yesOrNo(row.enabled, 'on', 'off'),
      },
      { title: 'Runs', width: 15, fields: ['numUnits', 'timeUnit', 'timing'], lines: interval },
      { title: 'Policy', width: 14, fields: ['policyId'], lines: policyOf },
      {
        title: 'Jobs',
        width: 7,
        fields: ['jobCount'],
        lines: ({ jobCount }) => (jobCount === null ? NONE : [{ text: number.format(jobCount) }]),
      },
      { title: 'Updated', width: 20, fields: ['updatedAt'], lines: (row) => moment(row.updatedAt) },
    ],
  },
  {
    id: 'logins',
    title: 'Domain logins',
    field: 'domainLoginChanges',
    type: 'DomainLogin',
    entity: 'domainLogin',
    deletedKey: 'domain',
    selection: 'id loginUrl users { username hasPassword working } invalidFields',
    order: (row) => row.id,
    columns: [
      {
        title: 'Domain',
        width: 24,
        fields: ['domain', 'invalidFields'],
        lines: (row) => named(row.id, row),
      },
      {
        title: 'Login page',
        width: 32,
        fields: ['loginUrl'],
        lines: ({ loginUrl }) => (loginUrl === null ? NONE : [{ text: loginUrl }]),
      },
      {
        title: 'Users',
        width: 26,
        fields: ['users'],
        lines: ({ users }) => (users?.length ? users.map(user) : NONE),
      },
    ],
  },
];

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
