/** Numbers, times and values as people read them. */

const LONGEST = 60;

export const number = new Intl.NumberFormat();
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
/** Between two parts of a line: it stays with the first, so that no line begins with it. */
export const DOT = '\u00a0· ';

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

export const isTime = (value) => typeof value === 'string' && ISO_TIME.test(value);

/** `14 Nov 2026, 22:13:21` */
export const absolute = (time) => dayAndTime.format(new Date(time));

/** `22:13:21` */
export const clock = (time) => timeOfDay.format(new Date(time));

/** `robotsTxt` as words: `robots txt`. */
export const words = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** `the database x is missing` as a sentence: `The database x is missing.` */
export const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`;

/** A title within a sentence: `Domain logins` as `domain logins`, and `CAPTCHA solvers` as it is. */
export const inSentence = (title) =>
  /^[A-Z]{2}/.test(title) ? title : `${title[0].toLowerCase()}${title.slice(1)}`;

/** `3 rows`, `1 row` */
export const counted = (count, one, many = `${one}s`) =>
  `${number.format(count)} ${count === 1 ? one : many}`;

const WEEK_S = 7 * 86_400;

/** Whether `relative` has no other words for a time than its date. */
export const isFar = (time, now = Date.now()) => Math.abs(now - new Date(time)) / 1000 >= WEEK_S;

/**
 * How long ago a time was, or how soon it will be: `5 s ago`, `in 2 h`; after a week its date.
 *
 * @param {string | number | Date} time
 * @param {number} now in milliseconds since 1970
 */
export function relative(time, now = Date.now()) {
  const seconds = Math.round((now - new Date(time).getTime()) / 1000);
  const distance = Math.abs(seconds);
  if (distance < 2) return 'now';
  const units = [
    [60, 1, 's'],
    [3_600, 60, 'min'],
    [86_400, 3_600, 'h'],
    [WEEK_S, 86_400, 'd'],
  ];
  const unit = units.find(([end]) => distance < end);
  if (!unit) return day.format(new Date(time));
  const text = `${Math.floor(distance / unit[1])} ${unit[2]}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

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

/** `12.3/s`, `340/s` */
export const perSecond = (rate) => `${number.format(rate < 10 ? +rate.toFixed(1) : Math.round(rate))}/s`;

export const shortened = (text, longest = LONGEST) =>
  text.length > longest ? `${text.slice(0, longest)}…` : text;

/** Any value in a few words. */
export function brief(value) {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'number') return number.format(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (isTime(value)) return absolute(value);
  if (Array.isArray(value)) {
    const isPlain = value.every((item) => typeof item !== 'object');
    return isPlain && value.length ? shortened(value.join(', ')) : counted(value.length, 'entry', 'entries');
  }
  if (typeof value === 'object') return 'values';
  return shortened(value === '' ? '""' : String(value));
}
