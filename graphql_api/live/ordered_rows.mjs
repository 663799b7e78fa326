/** Rows that match, in an order that is kept while they change: a look-up costs log n. */

const collator = new Intl.Collator(undefined, { numeric: true });

/**
 * @typedef {object} Entry
 * @property {string} key
 * @property {object} row
 * @property {string | number | null} order what it is sorted by
 */

export class OrderedRows {
  #matches;
  #orderOf;
  #direction;
  #entries = new Map(); // by key
  #ordered = [];

  /**
   * @param {(row: object) => boolean} matches
   * @param {(row: object) => string | number | null} orderOf
   * @param {1 | -1} direction up or down
   */
  constructor(matches, orderOf, direction) {
    this.#matches = matches;
    this.#orderOf = orderOf;
    this.#direction = direction;
  }

  get length() {
    return this.#ordered.length;
  }

  /** @returns {Entry} */
  at(index) {
    return this.#ordered[index];
  }

  has(key) {
    return this.#entries.has(key);
  }

  /** Where a row is, or -1. */
  indexOf(key) {
    const entry = this.#entries.get(key);
    return entry ? this.#position(entry) : -1;
  }

  /** Have these rows, and no others. */
  reset(rows) {
    this.#entries = new Map();
    for (const [key, row] of rows) {
      if (this.#matches(row)) this.#entries.set(key, { key, row, order: this.#orderOf(row) });
    }
    this.#ordered = [...this.#entries.values()].sort((a, b) => this.#compare(a, b));
  }

  /** Put a row where it belongs, or leave it out if it does not match. */
  set(key, row) {
    if (!this.#matches(row)) {
      this.delete(key);
      return;
    }
    const order = this.#orderOf(row);
    const entry = this.#entries.get(key);
    if (entry?.order === order) {
      entry.row = row;
      return;
    }
    this.delete(key);
    const made = { key, row, order };
    this.#entries.set(key, made);
    this.#ordered.splice(this.#position(made), 0, made);
  }

  delete(key) {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#ordered.splice(this.#position(entry), 1);
    this.#entries.delete(key);
  }

  /** Where an entry is, or would be. */
  #position(entry) {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#ordered[middle], entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** By what they are sorted by, those without it last; then by their keys. */
  #compare(a, b) {
    if ((a.order === null) !== (b.order === null)) return a.order === null ? 1 : -1;
    return this.#direction * (up(a.order, b.order) || (a.key < b.key ? -1 : +(a.key > b.key)));
  }
}

function up(a, b) {
  if (a === b) return 0;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return collator.compare(String(a), String(b));
}
