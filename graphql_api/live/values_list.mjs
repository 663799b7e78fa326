/** Any values as a list of names and values, the inner ones inside. */

import { drawTime } from './cells.mjs';
import { make } from './dom.mjs';
import { absolute, DOT, isFar, isTime, number } from './formats.mjs';

/** Fields that are not shown as values. */
const LEFT_OUT = new Set(['id', 'invalidFields', 'problems', '__typename']);
/** How many items of a list are shown. */
const MOST = 50;

/**
 * @param {object} values
 * @param {Set<string>} unfit the paths of stored values that do not fit
 * @param {Set<string>} changed the fields that have just changed
 */
export function drawValues(values, unfit = new Set(), changed = new Set(), path = '') {
  const list = make('dl', { className: 'values' });
  for (const [name, value] of Object.entries(values)) {
    if (LEFT_OUT.has(name) || name.startsWith('linked_')) continue;
    const inner = path ? `${path}.${name}` : name;
    const term = make('dt', { textContent: name });
    const shown = make('dd', {}, ...drawValue(value, unfit, inner));
    if (!path && changed.has(name)) shown.classList.add('changed');
    if (unfit.has(inner)) {
      shown.replaceChildren(
        make('span', { className: 'bad', textContent: 'The stored value does not fit this field.' }),
      );
    }
    list.append(make('div', {}, term, shown));
  }
  return list;
}

function drawValue(value, unfit, path) {
  if (value === null || value === undefined) return [quiet('none')];
  if (typeof value === 'boolean') return [value ? 'yes' : 'no'];
  if (typeof value === 'number') return [number.format(value)];
  if (isTime(value)) return [absolute(value), ...(isFar(value) ? [] : [DOT, drawTime(value)])];
  if (typeof value === 'string') return value ? [value] : [quiet('empty')];
  if (!Array.isArray(value)) return [drawValues(value, unfit, undefined, path)];
  if (!value.length) return [quiet('none')];
  const items = value.slice(0, MOST).map((item, index) => {
    return make('li', {}, ...drawValue(item, unfit, `${path}[${index}]`));
  });
  if (value.length > MOST) {
    items.push(make('li', {}, quiet(`and ${number.format(value.length - MOST)} more`)));
  }
  return [make('ol', {}, ...items)];
}

const quiet = (text) => make('span', { className: 'quiet', textContent: text });
