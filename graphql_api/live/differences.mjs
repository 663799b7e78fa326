/** What a change has changed, in words. */

import { brief } from './formats.mjs';

/** The field that changes with every other one. */
const ALWAYS = 'updatedAt';
const KINDS = { added: 'new', updated: 'changed', deleted: 'deleted' };

/**
 * One value that is another now. Without `from` and `to` it is only known that it is.
 *
 * @typedef {{path: string, from?: string, to?: string}} Difference
 */

/**
 * The values in which two versions of a row differ.
 *
 * @param {object | undefined} before
 * @param {object | undefined} after
 * @param {Iterable<string>} fields that the server names as changed
 * @returns {Difference[]}
 */
export function differences(before, after, fields) {
  const found = [];
  for (const field of fields) {
    if (field === ALWAYS) continue;
    const isKnown = before && after && field in before && field in after;
    const inside = isKnown ? inValues(field, before[field], after[field]) : [];
    found.push(...(inside.length ? inside : [{ path: field }]));
  }
  return found;
}

function inValues(path, from, to) {
  if (isObject(from) && isObject(to)) {
    return Object.keys(to).flatMap((key) => inValues(`${path}.${key}`, from[key], to[key]));
  }
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  const texts = [brief(from), brief(to)];
  return texts[0] === texts[1] ? [{ path }] : [{ path, from: texts[0], to: texts[1] }];
}

const isObject = (value) =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** `jobCount 3 → 4`, or `urlRules changed` */
export const inWords = ({ path, from, to }) =>
  from === undefined ? `${path} changed` : `${path} ${from} → ${to}`;

/** What has become of a row, in a line: `new`, `deleted`, `jobCount 3 → 4, enabled yes → no`. */
export function summaryOf({ kind, differences: found }) {
  if (kind !== 'updated' || !found.length) return KINDS[kind];
  return found.map(inWords).join(', ');
}
