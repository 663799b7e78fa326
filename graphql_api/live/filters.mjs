/** Which rows a view has: what is searched for, and the conditions of the schema's filters. */

import { isTime, words } from './formats.mjs';

/**
 * A condition that a table can be filtered by, as the schema's filter has it.
 *
 * @typedef {object} Filter
 * @property {string} key its name in the URL, and after `--where` of `graphql-api watch`
 * @property {string} field of the row
 * @property {'ONE_OF' | 'ANY_OF' | 'CONTAINS' | 'EQUALS' | 'AFTER'} relation
 * @property {boolean} isSwitch whether its value is yes or no
 * @property {string[]} words the values that it takes, if it is an enum
 */

const MEETS = {
  ONE_OF: (value, wanted) => wanted.includes(lower(value)),
  EQUALS: (value, wanted) => wanted.includes(lower(value)),
  ANY_OF: (values, wanted) => (values ?? []).some((value) => wanted.includes(lower(value))),
  CONTAINS: (value, wanted) => wanted.some((part) => lower(value ?? '').includes(part)),
  AFTER: (value, [wanted]) => value !== null && new Date(value) > new Date(wanted),
};

const lower = (value) => String(value).toLowerCase();

/** The chips that are always there, each one value of a filter that has few. */
export function chipsOf({ filters }) {
  return filters.flatMap(({ key, field, isSwitch, words: values }) => {
    if (isSwitch) {
      return ['true', 'false'].map((value) => ({
        key,
        value,
        label: value === 'true' ? words(field) : `not ${words(field).replace(/^is /, '')}`,
      }));
    }
    return values.map((value) => ({ key, value: lower(value), label: lower(value) }));
  });
}

/** The filters that take any text. */
export const textFilters = ({ filters }) =>
  filters.filter(({ isSwitch, words: values }) => !isSwitch && !values.length);

/**
 * Which rows match.
 *
 * @param {{filters: Filter[]}} table
 * @param {{query: string, where: [string, string][]}} view
 * @returns {(row: object) => boolean}
 */
export function matcher(table, { query, where }) {
  const parts = lower(query).split(/\s+/).filter(Boolean);
  const conditions = table.filters
    .map(({ key, field, relation }) => {
      const wanted = where.filter(([name]) => name === key).map(([, value]) => lower(value));
      return { field, meets: MEETS[relation], wanted };
    })
    .filter(({ wanted }) => wanted.length);
  return (row) =>
    conditions.every(({ field, meets, wanted }) => meets(row[field], wanted)) &&
    (!parts.length || parts.every((part) => textOf(row).includes(part)));
}

const texts = new WeakMap();

/** All texts and numbers that a row holds, to search in. Times are shown in other words. */
function textOf(row) {
  let text = texts.get(row);
  if (text === undefined) {
    text = lower(leaves(row).join('\n'));
    texts.set(row, text);
  }
  return text;
}

function leaves(value) {
  if (value === null || value === undefined) return [];
  if (typeof value === 'object') return Object.values(value).flatMap(leaves);
  return typeof value === 'boolean' || isTime(value) ? [] : [value];
}
