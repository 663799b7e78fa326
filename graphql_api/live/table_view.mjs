/** One table on the page: its rows in their order, and the marks of what has just changed. */

import { words } from './tables.mjs';

/** How long a change stands out, and a deleted row stays. */
const MARK_MS = 6_000;
const SETTLE_MS = 250;
/** So many marks do not fade, which would be the work of every frame; they end. */
const MANY = 200;
/** How much of a value is shown: a document may hold anything, of any length. */
const LONGEST = 300;
const LAST_CHANGE = 'Last change';
const LAST_CHANGE_WIDTH = 18;

const collator = new Intl.Collator(undefined, { numeric: true });
const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const KINDS = { added: 'new', updated: 'changed', deleted: 'deleted' };

/**
 * A row on the page.
 *
 * @typedef {object} Entry
 * @property {string} key
 * @property {string | null} order the text by which it is sorted
 * @property {HTMLTableRowElement} element
 * @property {string[]} drawn what each cell shows
 */

/** By their texts, up (1) or down (-1), those without one last; then by their keys. */
function compare(a, b, direction) {
  if ((a.order === null) !== (b.order === null)) return a.order === null ? 1 : -1;
  const up = collator.compare(a.order ?? '', b.order ?? '');
  return direction * (up || (a.key < b.key ? -1 : +(a.key > b.key)));
}

export class TableView {
  #table;
  #state;
  #look;
  #direction;
  #body;
  #entries = new Map(); // by key
  #ordered = [];
  #marked = new Map(); // until when, in the order of that
  #timer;

  /**
   * @param {import('./tables.mjs').Table} table
   * @param {import('./table_state.mjs').TableState} state
   * @param {HTMLTableElement} element an empty table with a head and a body
   * @param {import('./tables.mjs').Look} look
   */
  constructor(table, state, element, look) {
    this.#table = table;
    this.#state = state;
    this.#look = look;
    this.#direction = table.newestBy ? -1 : 1;
    this.#body = element.tBodies[0];
    for (const title of [...table.columns.map((column) => column.title), LAST_CHANGE]) {
      const head = make('th', { scope: 'col', role: 'columnheader', textContent: title });
      element.tHead.rows[0].append(head);
    }
    const widths = table.columns.map(({ width }) => `${width}fr`).join(' ');
    element.style.setProperty('--columns', `${widths} ${LAST_CHANGE_WIDTH}fr`);
  }

  /**
   * Draw what is pending, until `isOver`.
   *
   * @returns {boolean} whether all is drawn
   */
  draw(isOver) {
    const { pending } = this.#state;
    for (const [key, mark] of pending) {
      if (isOver()) return false;
      pending.delete(key);
      this.#drawRow(key, mark);
    }
    return true;
  }

  #drawRow(key, mark) {
    const row = this.#state.rows.get(key);
    let entry = this.#entries.get(key);
    if (row) {
      entry = this.#place(key, this.#table.order(row), entry);
      this.#table.columns.forEach((column, index) => {
        this.#fill(entry, index, column.lines(row, this.#look));
      });
    }
    if (!entry) return;
    if (mark) this.#markRow(entry, mark);
    else if (!row) this.#remove(entry);
  }

  /** The entry of a row, where it belongs. */
  #place(key, order, entry) {
    if (entry && entry.order === order) return entry;
    if (entry) this.#ordered.splice(this.#position(entry), 1);
    else entry = this.#make(key);
    entry.order = order;
    const position = this.#position(entry);
    this.#body.insertBefore(entry.element, this.#ordered[position]?.element ?? null);
    this.#ordered.splice(position, 0, entry);
    return entry;
  }

  #make(key) {
    const element = make('tr', { role: 'row' });
    element.append(make('th', { scope: 'row', role: 'rowheader' }));
    for (const { title } of this.#table.columns.slice(1)) {
      element.append(labelled(make('td', { role: 'cell' }), title));
    }
    element.append(labelled(make('td', { role: 'cell', className: 'change' }), LAST_CHANGE));
    const entry = { key, order: null, element, drawn: [] };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Where an entry is among those that are ordered, or would be. */
  #position(entry) {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.#ordered[middle], entry, this.#direction) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #fill(entry, index, lines) {
    const text = lines.map((line) => `${line.tone} ${line.text}`).join('\n');
    if (entry.drawn[index] === text) return;
    entry.drawn[index] = text;
    entry.element.cells[index].replaceChildren(...lines.map(drawLine));
  }

  #markRow(entry, mark) {
    const { element } = entry;
    const { columns } = this.#table;
    const isMarkedAlready = element.dataset.mark === mark.kind;
    element.dataset.mark = mark.kind;
    columns.forEach((column, index) => {
      const isChanged = column.fields.some((field) => mark.fields.has(field));
      element.cells[index].classList.toggle('changed', isChanged);
    });
    if (isMarkedAlready) startAgain(element);
    this.#fill(entry, columns.length, describe(mark));
    this.#marked.delete(entry); // it comes to the end
    this.#marked.set(entry, performance.now() + MARK_MS);
    this.#timer ??= setTimeout(() => this.#settleDue(), MARK_MS);
    this.#body.classList.toggle('many', this.#marked.size > MANY);
  }

  /** End the marks that are due, those together that are so at nearly the same time. */
  #settleDue() {
    const now = performance.now();
    for (const [entry, due] of this.#marked) {
      if (due > now) break;
      this.#marked.delete(entry);
      this.#settle(entry);
    }
    this.#body.classList.toggle('many', this.#marked.size > MANY);
    this.#timer = this.#marked.size ? setTimeout(() => this.#settleDue(), SETTLE_MS) : undefined;
  }

  #settle(entry) {
    if (!this.#state.rows.has(entry.key)) {
      this.#remove(entry);
      return;
    }
    delete entry.element.dataset.mark;
    for (const cell of entry.element.cells) cell.classList.remove('changed');
  }

  #remove(entry) {
    this.#marked.delete(entry);
    this.#entries.delete(entry.key);
    this.#ordered.splice(this.#position(entry), 1);
    entry.element.remove();
  }
}

/** What the last column says of a change. The time of an update is among its fields always. */
function describe({ kind, fields, at }) {
  const names = [...fields].filter((name) => name !== 'updatedAt').map(words);
  const lines = [{ text: `${KINDS[kind]} ${timeOfDay.format(at)}` }];
  if (names.length) lines.push({ text: names.join(', '), tone: 'quiet', isShort: true });
  return lines;
}

function drawLine({ text, tone, time, isShort }) {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  const line = make(time ? 'time' : 'span', { className: 'line', textContent: short });
  if (tone) line.classList.add(tone);
  if (isShort) {
    line.classList.add('short'); // one line of it is shown
    line.title = text;
  }
  if (time) line.dateTime = time;
  return line;
}

/** The label is what a narrow screen shows instead of the head. */
function labelled(cell, label) {
  cell.dataset.label = label;
  return cell;
}

/** Start an element's animation again. */
function startAgain(element) {
  for (const animation of element.getAnimations()) {
    animation.cancel();
    animation.play();
  }
}

function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}
