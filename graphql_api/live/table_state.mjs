/** The rows of one table, by the events of its subscription. */

import { differences } from './differences.mjs';

/**
 * What an event has done to a row.
 *
 * @typedef {object} Change
 * @property {'read' | 'added' | 'updated' | 'deleted'} kind `read` is a row of the first snapshot
 * @property {string} key
 * @property {object} row as it is now, or as it last was
 * @property {Set<string>} fields those that were changed, if it was updated
 * @property {import('./differences.mjs').Difference[]} differences
 * @property {Date} at when the page received it
 */

const UNCHANGED = { fields: new Set(), differences: [] };

export class TableState {
  /**
   * The rows to show, by their keys. Those of the first snapshot are shown as they come; those of a
   * later one all at once, with its end, because until then there are the old ones.
   */
  rows;
  /** What the server last said of the table: INITIALIZING, READY or STALE. */
  status = 'INITIALIZING';
  /** When it said so first. */
  statusSince;
  /** Why there are no events, if the server has ended the subscription. */
  problem = null;
  /** Why the server cannot follow the table, as far as it is known. */
  reason = null;
  /**
   * The last change of each row that has had one, by its key.
   *
   * @type {Map<string, Change>}
   */
  lastChanges = new Map();

  #type;
  #entity;
  #deletedKey;
  #snapshot = new Map(); // null once it is complete

  /** @param {import('./tables.mjs').Table} table */
  constructor({ type, entity, deletedKey }, at = new Date()) {
    this.#type = type;
    this.#entity = entity;
    this.#deletedKey = deletedKey;
    this.statusSince = at;
    this.rows = this.#snapshot;
  }

  /** Whether the first snapshot is not complete. */
  get isFirstReading() {
    return this.rows === this.#snapshot;
  }

  /** How many rows there are; while a first snapshot is read, how many of them have come. */
  get count() {
    return this.rows.size || (this.#snapshot?.size ?? 0);
  }

  /**
   * Take an event.
   *
   * @returns {Change | 'replaced' | null} what happened to a row; `replaced` if all rows are others;
   *   null if no row that is shown has changed
   */
  apply(event, at = new Date()) {
    this.problem = null;
    const kind = event.__typename.replace(this.#type, '').toLowerCase();
    if (kind === 'feedstate') return this.#applyStatus(event.status, at);
    const rows = this.#snapshot ?? this.rows;
    const key = kind === 'deleted' ? event[this.#deletedKey] : event[this.#entity].id;
    const before = rows.get(key);
    if (kind === 'deleted') rows.delete(key);
    else rows.set(key, event[this.#entity]);
    if (this.isFirstReading) return { ...UNCHANGED, kind: 'read', key, row: rows.get(key), at };
    if (this.#snapshot) return null;
    return this.#changed(key, kind, before, new Set(event.changedFields), at);
  }

  /** The server has ended the subscription. What may not be read any more is forgotten. */
  fail(problem, { forget }) {
    this.problem = problem;
    if (!forget) return null;
    this.rows = new Map();
    this.lastChanges.clear();
    this.#applyStatus('INITIALIZING', new Date());
    return 'replaced';
  }

  #applyStatus(status, at) {
    if (status !== this.status) this.statusSince = at;
    this.status = status;
    if (status === 'INITIALIZING') {
      this.#snapshot = new Map();
      if (!this.rows.size) this.rows = this.#snapshot;
    } else if (this.#snapshot) {
      const isFirst = this.isFirstReading;
      this.rows = this.#snapshot;
      this.#snapshot = null;
      if (isFirst) return null;
      for (const key of this.lastChanges.keys()) {
        if (!this.rows.has(key)) this.lastChanges.delete(key);
      }
      return 'replaced';
    }
    return null;
  }

  #changed(key, kind, before, fields, at) {
    const row = this.rows.get(key) ?? before ?? { id: key, invalidFields: [] };
    const found = differences(before, this.rows.get(key), fields);
    const change = { kind, key, row, fields, differences: found, at };
    if (kind === 'deleted') this.lastChanges.delete(key);
    else this.lastChanges.set(key, change);
    return change;
  }
}
