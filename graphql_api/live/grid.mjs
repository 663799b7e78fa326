/** The table in view: a head that stays, and of thousands of rows the elements of those in sight. */

import { drawLines, drawTime, fingerprint } from './cells.mjs';
import { summaryOf } from './differences.mjs';
import { make } from './dom.mjs';
import { MARK_MS, sorting } from './shown_rows.mjs';
import { shortened } from './formats.mjs';

/** How many rows beyond those in sight have elements, above and below. */
const BEYOND = 8;
const LAST_CHANGE = 'Last change';
const LAST_CHANGE_WIDTH = 17;

/**
 * What happens on it.
 *
 * @typedef {object} Listener
 * @property {(key: string) => void} open a row
 * @property {(slug: string) => void} sort by a column
 */

export class Grid {
  /** The key of the row that has the focus, or would get it. */
  current = null;

  #table;
  #rows;
  #scroller;
  #element;
  #head;
  #body;
  #probe;
  #listener;
  #elements = new Map(); // of the rows in sight, by key
  #isScheduled = false;
  #selected = null;
  #anchor = null; // the first row in sight, and how far it is scrolled

  /**
   * @param {HTMLElement} scroller holds an empty table with a head and a body, and a row's measure
   * @param {Listener} listener
   */
  constructor(scroller, listener) {
    this.#scroller = scroller;
    this.#element = scroller.querySelector('table');
    this.#head = this.#element.tHead.rows[0];
    this.#body = this.#element.tBodies[0];
    this.#probe = scroller.querySelector('.probe');
    this.#listener = listener;
    scroller.addEventListener('scroll', () => this.schedule(), { passive: true });
    new ResizeObserver(() => this.schedule()).observe(scroller);
    this.#body.onclick = ({ target }) => this.#click(target.closest('tr'));
    this.#body.onkeydown = (event) => this.#press(event);
    this.#body.addEventListener('focusin', ({ target }) => {
      const key = target.closest('tr')?.dataset.key;
      if (key !== undefined) this.#setCurrent(key);
    });
  }

  /**
   * Show a table, from its first row on.
   *
   * @param {import('./tables.mjs').Table} table
   * @param {import('./shown_rows.mjs').ShownRows} rows
   * @param {string | null} sort
   */
  show(table, rows, sort) {
    const isOther = this.#table !== table;
    this.#table = table;
    this.#rows = rows;
    this.current = null;
    this.#body.replaceChildren();
    this.#elements.clear();
    this.#anchor = null;
    this.#scroller.scrollTop = 0;
    if (isOther) this.#drawHead();
    const { slug, direction } = sorting(table, sort);
    for (const head of this.#head.cells) {
      const isSorted = slug !== null && head.dataset.slug === slug;
      head.ariaSort = isSorted ? (direction > 0 ? 'ascending' : 'descending') : 'none';
      if (!head.dataset.slug) head.removeAttribute('aria-sort');
    }
    this.#element.setAttribute('aria-label', table.title);
    this.render();
  }

  /** Draw with the next frame. */
  schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.render();
    });
  }

  /** Draw the rows in sight now. */
  render() {
    if (!this.#rows) return;
    const height = this.#rowHeight;
    this.#keepInSight(height);
    const { length } = this.#rows;
    this.#body.style.height = `${length * height}px`;
    this.#element.ariaRowCount = length + 1;
    const { scrollTop, clientHeight } = this.#scroller;
    const start = Math.max(0, Math.floor(scrollTop / height) - BEYOND);
    const end = Math.min(length, Math.ceil((scrollTop + clientHeight) / height) + BEYOND);
    const inSight = new Map();
    for (let index = start; index < end; index++) inSight.set(this.#rows.at(index).key, index);
    const current = this.current === null ? -1 : this.#rows.indexOf(this.current);
    if (current >= 0) inSight.set(this.current, current); // so that it keeps the focus
    const spare = this.#takeOut(inSight);
    for (const [key, index] of inSight) this.#drawRow(key, index, height, spare);
    for (const { row } of spare) row.remove();
    if (current < 0) this.#makeReachable(Math.floor(scrollTop / height));
  }

  /** Mark the row that is shown in the drawer; null for none. */
  select(key) {
    this.#selected = key;
    this.schedule();
  }

  /** Scroll to a row and focus it; whether there is one. */
  focus(key) {
    const index = this.#rows.indexOf(key);
    if (index < 0) return false;
    this.#focusAt(index);
    return true;
  }

  get #rowHeight() {
    return this.#probe.offsetHeight || 52;
  }

  /** Keep the first row in sight where it is, unless the first of all is in sight. */
  #keepInSight(height) {
    const scroller = this.#scroller;
    if (this.#anchor !== null && this.#anchor.scrollTop === scroller.scrollTop && scroller.scrollTop > 0) {
      const index = this.#rows.indexOf(this.#anchor.key);
      const moved = index < 0 ? 0 : (index - this.#anchor.index) * height;
      if (moved) {
        this.#body.style.height = `${this.#rows.length * height}px`;
        scroller.scrollTop += moved;
      }
    }
    const index = Math.floor(scroller.scrollTop / height);
    const entry = index < this.#rows.length ? this.#rows.at(index) : null;
    this.#anchor = entry && { key: entry.key, index, scrollTop: scroller.scrollTop };
  }

  /** The elements of rows that are out of sight; those that come into sight take them over. */
  #takeOut(inSight) {
    const spare = [];
    for (const [key, element] of this.#elements) {
      if (inSight.has(key)) continue;
      this.#elements.delete(key);
      if (element.row.contains(document.activeElement)) element.row.remove(); // its row is deleted
      else spare.push(element);
    }
    return spare;
  }

  #drawRow(key, index, height, spare) {
    const entry = this.#rows.at(index);
    const change = this.#rows.change(key);
    let element = this.#elements.get(key);
    if (!element) {
      element = spare.pop() ?? this.#make();
      this.#elements.set(key, element);
      element.row.tabIndex = -1;
      element.row.dataset.key = key;
      if (!element.row.isConnected) this.#body.append(element.row);
    }
    const { row } = element;
    if (element.index !== index || element.height !== height) {
      Object.assign(element, { index, height });
      row.style.transform = `translateY(${index * height}px)`;
      row.ariaRowIndex = index + 2; // the head is the first
      row.classList.toggle('even', index % 2 === 1);
    }
    if (key === this.#selected) row.ariaSelected = 'true';
    else row.removeAttribute('aria-selected');
    this.#table.columns.forEach((column, place) => {
      fill(element, place, column.lines(entry.row));
    });
    this.#drawChange(element, change);
  }

  #make() {
    const row = make('tr', { role: 'row' });
    this.#table.columns.forEach(({ title, isNumber }, place) => {
      const cell = place
        ? make('td', { role: 'gridcell', dataset: { label: title } })
        : make('th', { scope: 'row', role: 'rowheader' });
      if (isNumber) cell.classList.add('number');
      row.append(cell);
    });
    row.append(make('td', { role: 'gridcell', className: 'change', dataset: { label: LAST_CHANGE } }));
    return { row, index: -1, height: 0, drawn: [], change: undefined };
  }

  /** What has changed last; while it is new it stands out. */
  #drawChange(element, change) {
    const { row } = element;
    const age = change ? Date.now() - change.at : Infinity;
    if (age < MARK_MS) row.dataset.mark = change.kind;
    else delete row.dataset.mark;
    if (element.change === change && !row.querySelector('.changed')) return;
    this.#table.columns.forEach(({ fields }, place) => {
      const isChanged = age < MARK_MS && fields.some((field) => change.fields.has(field));
      row.cells[place].classList.toggle('changed', isChanged);
    });
    if (element.change === change) return;
    element.change = change;
    row.style.animationDelay = `${-Math.min(age, MARK_MS)}ms`;
    if (age < MARK_MS) startAgain(row);
    row.cells[this.#table.columns.length].replaceChildren(...(change ? describe(change) : []));
  }

  #drawHead() {
    const columns = this.#table.columns.map(({ title, slug, isNumber }) => {
      const button = make('button', { type: 'button', textContent: title });
      button.onclick = () => this.#listener.sort(slug);
      const head = make('th', { scope: 'col', role: 'columnheader', dataset: { slug } }, button);
      if (isNumber) head.classList.add('number');
      return head;
    });
    const last = make('th', { scope: 'col', role: 'columnheader', textContent: LAST_CHANGE });
    this.#head.replaceChildren(...columns, last);
    const widths = this.#table.columns.map(({ width }) => `minmax(0, ${width}fr)`).join(' ');
    this.#element.style.setProperty('--columns', `${widths} minmax(0, ${LAST_CHANGE_WIDTH}fr)`);
  }

  #click(row) {
    if (!row || String(getSelection())) return; // a text is selected to be copied
    this.#setCurrent(row.dataset.key);
    row.focus({ preventScroll: true });
    this.#listener.open(row.dataset.key);
  }

  #press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { length } = this.#rows;
    const index = this.current === null ? -1 : this.#rows.indexOf(this.current);
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / this.#rowHeight) - 2);
    const targets = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + page,
      PageUp: index - page,
      Home: 0,
      End: length - 1,
    };
    if (event.key === 'Enter' || event.key === ' ') {
      if (this.current !== null) this.#listener.open(this.current);
    } else if (event.key in targets) {
      this.#focusAt(Math.max(0, Math.min(length - 1, targets[event.key])));
    } else {
      return;
    }
    event.preventDefault();
  }

  #focusAt(index) {
    const height = this.#rowHeight;
    const { scrollTop, clientHeight } = this.#scroller;
    const space = clientHeight - this.#head.offsetHeight;
    const top = index * height;
    if (top < scrollTop || top + height > scrollTop + space) {
      this.#scroller.scrollTop = Math.max(0, top - (space - height) / 2);
    }
    this.#anchor = null;
    this.#setCurrent(this.#rows.at(index).key);
    this.render();
    this.#elements.get(this.current).row.focus({ preventScroll: true });
  }

  #setCurrent(key) {
    for (const { row } of this.#elements.values()) row.tabIndex = row.dataset.key === key ? 0 : -1;
    this.current = key;
  }

  /** Without a current row, the Tab key leads to the first one in sight. */
  #makeReachable(index) {
    if (!this.#rows.length) return;
    const { key } = this.#rows.at(Math.min(index, this.#rows.length - 1));
    for (const { row } of this.#elements.values()) row.tabIndex = row.dataset.key === key ? 0 : -1;
  }
}

function fill(element, place, lines) {
  const text = fingerprint(lines);
  if (element.drawn[place] === text) return;
  element.drawn[place] = text;
  element.row.cells[place].replaceChildren(...drawLines(lines));
}

function describe(change) {
  const text = summaryOf(change);
  return [
    drawTime(change.at.toISOString()),
    make('span', { className: 'line short quiet', textContent: shortened(text, 120), title: text }),
  ];
}

/** Start a row's animation again. */
function startAgain(row) {
  for (const animation of row.getAnimations()) {
    animation.cancel();
    animation.play();
  }
}
