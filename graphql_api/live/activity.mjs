/** The last changes of all tables. */

import { clock } from './formats.mjs';
import { summaryOf } from './differences.mjs';

/** How many changes are kept. */
export const KEPT = 200;

/**
 * @typedef {object} Entry
 * @property {number} number the first change has 1
 * @property {string} table its id
 * @property {string} key of the row
 * @property {string} name of the row
 * @property {import('./table_state.mjs').Change['kind']} kind
 * @property {string} time
 * @property {string} text what has changed
 */

export class Activity {
  /** How many changes there have been. */
  count = 0;
  /** @type {Entry[]} the newest first */
  entries = [];

  /**
   * @param {import('./tables.mjs').Table} table
   * @param {import('./table_state.mjs').Change} change
   */
  add(table, change) {
    this.count += 1;
    this.entries.unshift({
      number: this.count,
      table: table.id,
      key: change.key,
      name: table.nameOf(change.row),
      kind: change.kind,
      at: change.at,
      time: clock(change.at),
      text: summaryOf(change),
    });
    if (this.entries.length > KEPT) this.entries.pop();
  }

  /** Forget the changes of a table that may not be read any more. */
  forget(table) {
    this.entries = this.entries.filter((entry) => entry.table !== table);
  }
}
