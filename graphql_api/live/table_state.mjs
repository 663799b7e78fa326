/** The rows of one table, by the events of its subscription, and which of them to draw again. */

/**
 * What has happened to a row since it was last drawn.
 *
 * @typedef {object} Mark
 * @property {'added' | 'updated' | 'deleted'} kind
 * @property {Set<string>} fields those that were changed, if it was updated
 * @property {Date} at when it was last heard of
 */

export class TableState {
  /** The rows to show, by their keys. Those of a snapshot come all at once, with its end. */
  rows = new Map();
  /** What the server last said of the table: INITIALIZING, READY or STALE. */
  status = 'INITIALIZING';
  /** When it said so first. */
  statusSince;
  /** Why there are no events, if the server has ended the subscription. */
  problem = null;
  /** Why the server cannot follow the table, as far as it is known. */
  reason = null;
  /**
   * What is to be drawn again, by the rows' keys; the view removes what it draws. It is the mark of a
   * row that an event has changed, and null for one that is to be shown as it is, or to be taken
   * away if there is none.
   *
   * @type {Map<string, Mark | null>}
   */
  pending = new Map();

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
  }

  /** How many rows there are; while a first snapshot is read, how many of them have come. */
  get count() {
    return this.rows.size || (this.#snapshot?.size ?? 0);
  }

  /**
   * Take an event.
   *
   * @returns {'added' | 'updated' | 'deleted' | null} what happened to a row, unless the event is
   *   a status or belongs to a snapshot
   */
  apply(event, at = new Date()) {
    this.problem = null;
    const kind = event.__typename.replace(this.#type, '').toLowerCase();
    if (kind === 'feedstate') {
      this.#applyStatus(event.status, at);
      return null;
    }
    const rows = this.#snapshot ?? this.rows;
    const key = kind === 'deleted' ? event[this.#deletedKey] : event[this.#entity].id;
    if (kind === 'deleted') rows.delete(key);
    else rows.set(key, event[this.#entity]);
    if (this.#snapshot) return null;
    this.#mark(key, { kind, fields: new Set(event.changedFields), at });
    return kind;
  }

  /** The server has ended the subscription. What may not be read any more is forgotten. */
  fail(problem, { forget }) {
    this.problem = problem;
    if (forget) {
      this.#replaceRows(new Map());
      this.#applyStatus('INITIALIZING', new Date());
    }
  }

  /** Have the rows drawn again that have not changed, but show something else that has. */
  touch(isConcerned) {
    for (const [key, row] of this.rows) {
      if (isConcerned(row) && !this.pending.has(key)) this.pending.set(key, null);
    }
  }

  #applyStatus(status, at) {
    if (status !== this.status) this.statusSince = at;
    this.status = status;
    if (status === 'INITIALIZING') {
      this.#snapshot = new Map();
    } else if (this.#snapshot) {
      this.#replaceRows(this.#snapshot);
      this.#snapshot = null;
    }
  }

  #replaceRows(rows) {
    for (const key of [...this.rows.keys(), ...rows.keys()]) this.pending.set(key, null);
    this.rows = rows;
  }

  /** Merge a change with what is pending, as the server does for those who read slowly. */
  #mark(key, { kind, fields, at }) {
    const earlier = this.pending.get(key);
    if (earlier?.kind === 'added' && kind === 'deleted') {
      this.pending.delete(key);
    } else if (earlier !== undefined && kind !== 'deleted') {
      // A row without a mark may be on the page already, also if a snapshot had none.
      const merged = earlier?.kind === 'added' ? 'added' : 'updated';
      const all = new Set([...(earlier?.fields ?? []), ...fields]);
      this.pending.set(key, { kind: merged, fields: all, at });
    } else {
      this.pending.set(key, { kind, fields, at });
    }
  }
}
