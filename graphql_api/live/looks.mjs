/** How a cell shows its values, by the names that declarations have for it. */

import { DOT, duration, number, perSecond } from './formats.mjs';

/**
 * A line of a cell: plain text, and how it is to look.
 *
 * @typedef {object} Line
 * @property {string} text
 * @property {'good' | 'bad' | 'old' | 'wait' | 'quiet' | 'strong'} [tone]
 * @property {boolean} [isBadge] whether it stands on a background of its tone
 * @property {string} [time] shown in the place of the text, as long ago as it is
 * @property {number} [part] a bar that is so full, from 0 to 1
 * @property {number[]} [curve] a curve of numbers
 * @property {{share: number, tone: string}[]} [shares] a bar of several parts, together 1
 */

/**
 * What a row is shown by beside itself.
 *
 * @typedef {object} Beside
 * @property {(id: string) => string | null | undefined} policyName
 * @property {(key: string) => number[]} rates the last rates of a job
 */

/**
 * @typedef {object} Look
 * @property {(values: any[], beside: Beside, row: object) => Line[]} lines
 * @property {(values: any[], beside: Beside) => string | number | null} order
 * @property {boolean} [isNumber] whether it stands at the right
 */

const NONE = [{ text: '–', tone: 'quiet' }];
const isShown = (value) => value !== null && value !== undefined;
const first = ([value]) => (isShown(value) ? value : null);
const yesIsFirst = ([value]) => (isShown(value) ? Number(!value) : null);

const STATES = {
  RUNNING: 'good',
  PENDING: 'wait',
  PAUSED: 'old',
  CANCELLED: 'bad',
  COMPLETED: 'quiet',
};

/** A look that shows its first value, if it has one. */
const simple = (show, properties) => ({
  lines: ([value]) => (isShown(value) ? show(value) : NONE),
  order: first,
  ...properties,
});

/** @type {Record<string, Look>} */
export const LOOKS = {
  text: simple((value) => [{ text: String(value) }]),
  word: simple((value) => [{ text: String(value).toLowerCase() }]),
  number: simple((value) => [{ text: number.format(value) }], { isNumber: true }),
  list: simple((values) => (values.length ? [{ text: values.join(', ') }] : NONE), {
    order: ([values]) => values?.join(', ') ?? null,
  }),
  switch: simple(
    (value) => [value ? { text: 'on', tone: 'good', isBadge: true } : { text: 'off', tone: 'quiet', isBadge: true }],
    { order: yesIsFirst },
  ),
  yesOrNo: simple(
    (value) => [value ? { text: 'yes', tone: 'good' } : { text: 'no', tone: 'quiet' }],
    { order: yesIsFirst },
  ),
  time: simple((value) => [{ text: value, time: value }]),
  limits: simple(limits, { order: ([values]) => values?.maxItems ?? null }),
  interval: { lines: interval, order: intervalSeconds },
  policy: {
    lines: ([id], { policyName }) => {
      if (!isShown(id)) return NONE;
      const name = policyName(id);
      return [name ? { text: name } : { text: id, tone: 'quiet' }];
    },
    order: ([id], { policyName }) => (isShown(id) ? (policyName(id) ?? id) : null),
  },
  users: simple((users) => (users.length ? users.map(user) : NONE), {
    order: ([users]) => users?.length ?? null,
  }),
  jobState: simple((value) => [
    { text: value.toLowerCase(), tone: STATES[value] ?? 'quiet', isBadge: true },
  ]),
  progress: { lines: progress, order: first, isNumber: true },
  rate: { lines: rate, order: averageRate, isNumber: true },
  statusCodes: { lines: statusCodes, order: errorShare },
};

function limits({ maxItems, maxDuration, maxCost }) {
  const parts = [];
  if (isShown(maxItems)) parts.push(`${number.format(maxItems)} items`);
  if (isShown(maxDuration)) parts.push(duration(maxDuration));
  if (isShown(maxCost)) parts.push(`cost ${number.format(maxCost)}`);
  return parts.length ? [{ text: parts.join(DOT) }] : [{ text: 'none', tone: 'quiet' }];
}

function interval([numUnits, timeUnit, timing]) {
  if (!isShown(numUnits) || !isShown(timeUnit)) return NONE;
  const unit = timeUnit.toLowerCase();
  const every = numUnits === 1 ? unit.slice(0, -1) : `${number.format(numUnits)} ${unit}`;
  const lines = [{ text: `every ${every}` }];
  if (timing === 'AFTER_PREVIOUS_JOB_FINISHED') {
    lines.push({ text: 'after the job before', tone: 'quiet' });
  }
  return lines;
}

const UNITS = { MINUTES: 60, HOURS: 3_600, DAYS: 86_400, WEEKS: 604_800, MONTHS: 2_592_000, YEARS: 31_536_000 };

function intervalSeconds([numUnits, timeUnit]) {
  return isShown(numUnits) && isShown(timeUnit) ? numUnits * (UNITS[timeUnit] ?? 0) : null;
}

function user({ username, hasPassword, working }) {
  const name = username ?? 'without a name';
  const password = hasPassword ? '' : ', no password';
  if (working === false) return { text: `${name}: login failed${password}`, tone: 'bad' };
  return { text: `${name}${working ? ': works' : ''}${password}`, tone: working ? 'good' : 'quiet' };
}

function progress([count, most, state]) {
  if (!isShown(count)) return NONE;
  const items = number.format(count);
  if (!isShown(most) || most <= 0) return [{ text: items }];
  const line = { text: `${items} of ${number.format(most)}` };
  return state === 'COMPLETED' ? [line] : [line, { text: '', part: Math.min(1, count / most) }];
}

function rate([count, seconds, state], { rates }, { id }) {
  const known = rates(id);
  if (state === 'RUNNING' && known.length) {
    const lines = [{ text: perSecond(known.at(-1)) }];
    return known.length > 1 ? [...lines, { text: '', curve: known }] : lines;
  }
  const average = averageRate([count, seconds]);
  return average === null ? NONE : [{ text: perSecond(average), tone: 'quiet' }];
}

function averageRate([count, seconds]) {
  return isShown(count) && seconds > 0 ? count / seconds : null;
}

/** The statuses by their first digits: what went well, was elsewhere, was refused, has failed. */
const CLASSES = [
  { digit: 2, tone: 'good', is: 'ok' },
  { digit: 3, tone: 'wait', is: 'redirected' },
  { digit: 4, tone: 'old', is: 'refused' },
  { digit: 5, tone: 'bad', is: 'failed' },
];

function statusCodes([counts, exceptions]) {
  const total = totalOf(counts, exceptions);
  if (!total) return NONE;
  const shares = CLASSES.map(({ digit, tone, is }) => {
    const count = sum(counts.filter(({ statusCode }) => Math.floor(statusCode / 100) === digit));
    return { share: count / total, count, tone, is };
  });
  shares.push({ share: exceptions / total, count: exceptions, tone: 'bad', is: 'exceptions' });
  const shown = shares.filter(({ count }) => count);
  // The two that say most: how much is well, and most of what is not.
  const [well] = shown.filter(({ tone }) => tone === 'good');
  const [worst] = shown.filter(({ tone }) => tone !== 'good').sort((a, b) => b.count - a.count);
  const texts = [];
  if (well) texts.push(`${number.format(wellPercent(well.share))} % ok`);
  if (worst) texts.push(`${number.format(worst.count)} ${worst.is}`);
  return [{ text: texts.join(DOT) || number.format(total) }, { text: '', shares: shown }];
}

/** Rounded down, so that only what is all well is 100; from 99 on with one decimal. */
const wellPercent = (share) =>
  share < 0.99 ? Math.floor(share * 100) : Math.floor(share * 1000) / 10;

/** How much of what has come is an error, from 0 to 1. */
function errorShare([counts, exceptions]) {
  const total = totalOf(counts, exceptions);
  if (!total) return null;
  return (sum(counts.filter(({ statusCode }) => statusCode >= 400)) + (exceptions ?? 0)) / total;
}

const totalOf = (counts, exceptions) => (counts ? sum(counts) + (exceptions ?? 0) : 0);
const sum = (counts) => counts.reduce((total, { count }) => total + count, 0);
