/** The rows of the table in view: those that match, in order, as they change or while they pause. */

import { matcher } from './filters.mjs';
import { OrderedRows } from './ordered_rows.mjs';

/** How long a change stands out, and a deleted row stays. */
export const MARK_MS = 6_000;

export class ShownRows {
  /** How many changes wait for the end of a pause. */
  waiting = 0;

  #state;
  #rows;
  #deleted = new Map(); // the changes of rows that are gone, and still shown
  #isPaused = false;

  /**
   * @param {import('./tables.mjs').Table} table
   * @param {import('./table_state.mjs').TableState} state
   * @param {import('./url_state.mjs').View} view
   */
  constructor(table, state, view) {
    const { column, direction } = sorting(table, view.sort);
    this.#state = state;
    this.#rows = new OrderedRows(matcher(table, view), column.order, direction);
    this.#rows.reset(state.rows);
  }

  get length() {
    return this.#rows.length;
  }

  at(index) {
    return this.#rows.at(index);
  }

  indexOf(key) {
    return this.#rows.indexOf(key);
  }

  /** The last change of a row. */
  change(key) {
    return this.#deleted.get(key) ?? this.#state.lastChanges.get(key);
  }

  /** @param {import('./table_state.mjs').Change | 'replaced'} change of the table's state */
  take(change) {
    if (this.#isPaused && change.kind !== 'read') {
      this.waiting += 1;
    } else if (change === 'replaced') {
      this.#deleted.clear();
      this.#rows.reset(this.#state.rows);
    } else if (change.kind === 'deleted') {
      if (this.#rows.has(change.key)) this.#deleted.set(change.key, change);
    } else {
      this.#deleted.delete(change.key);
      this.#rows.set(change.key, change.row);
    }
  }

  /** Let nothing move, or catch up. */
  pause(isPaused) {
    if (this.#isPaused && !isPaused) {
      this.#deleted.clear();
      this.#rows.reset(this.#state.rows);
      this.waiting = 0;
    }
    this.#isPaused = isPaused;
  }

  /** Take deleted rows away whose time is over. */
  settle(now = Date.now()) {
    for (const [key, { at }] of this.#deleted) {
      if (now - at < MARK_MS) break;
      this.#deleted.delete(key);
      this.#rows.delete(key);
    }
  }
}

/**
 * The column by which a view is sorted, and how.
 *
 * @param {import('./tables.mjs').Table} table
 * @param {string | null} sort a column's slug, with a minus for down; null for the table's own order
 */
export function sorting(table, sort) {
  if (sort === null) {
    return { column: { order: table.order }, slug: null, direction: table.newestBy ? -1 : 1 };
  }
  const slug = sort.replace(/^-/, '');
  const column = table.columns.find((each) => each.slug === slug);
  return { column, slug, direction: sort.startsWith('-') ? -1 : 1 };
}
