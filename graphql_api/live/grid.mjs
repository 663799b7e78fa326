/** The table in view: a head that stays, and of thousands of rows the elements of those in sight. */

import { fillLines, fingerprint } from './cells.mjs';
import { summaryOf } from './differences.mjs';
import { make } from './dom.mjs';
import { MARK_MS, sorting } from './shown_rows.mjs';
import { shortened } from './formats.mjs';

/**
 * How many rows beyond those in sight have elements, above and below: they are there when scrolling
 * shows them. After a jump to others they come a frame later.
 */
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
  #listener;
  #elements = new Map(); // of the rows in sight, by key
  #spare = []; // elements of rows out of sight, for those that come into it
  #rowHeight = 0;
  #height = 0; // of what is in sight of the scroller
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
    this.#listener = listener;
    scroller.addEventListener('scroll', () => this.schedule(), { passive: true });
    const probe = scroller.querySelector('.probe');
    const measure = () => {
      this.#rowHeight = probe.offsetHeight;
      this.#height = scroller.clientHeight;
    };
    measure();
    const sizes = new ResizeObserver(() => {
      measure();
      this.schedule();
    });
    sizes.observe(scroller);
    sizes.observe(probe);
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
    this.#spare = [];
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
    if (!height) return; // the page has no layout yet
    const { length } = this.#rows;
    const top = this.#keepInSight(height);
    this.#body.style.height = `${length * height}px`;
    this.#setRowCount(length + 1);
    const first = Math.floor(top / height);
    const last = Math.min(length, Math.ceil((top + this.#height) / height));
    const isJump = !this.#isAnyDrawn(first, last);
    const beyond = isJump ? 0 : BEYOND;
    const inSight = new Map();
    for (let index = Math.max(0, first - beyond); index < Math.min(length, last + beyond); index++) {
      inSight.set(this.#rows.at(index).key, index);
    }
    const current = this.current === null ? -1 : this.#rows.indexOf(this.current);
    if (current >= 0) inSight.set(this.current, current); // so that it keeps the focus
    this.#takeOut(inSight);
    for (const [key, index] of inSight) this.#drawRow(key, index, height);
    if (isJump && last > first) {
      this.#hideSpare();
      this.schedule();
    } else {
      for (const { row } of this.#spare.splice(0)) row.remove();
    }
    if (current < 0) this.#makeReachable(first);
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

  /**
   * Keep the first row in sight where it is, unless the first of all is in sight.
   *
   * @returns how far all is scrolled then
   */
  #keepInSight(height) {
    const scroller = this.#scroller;
    let scrollTop = Math.max(0, scroller.scrollTop); // some browsers scroll beyond the top, and back
    if (this.#anchor !== null && this.#anchor.scrollTop === scrollTop && scrollTop > 0) {
      const index = this.#rows.indexOf(this.#anchor.key);
      const moved = index < 0 ? 0 : (index - this.#anchor.index) * height;
      if (moved) {
        this.#body.style.height = `${this.#rows.length * height}px`;
        scroller.scrollTop += moved;
        scrollTop = Math.max(0, scroller.scrollTop);
      }
    }
    const index = Math.floor(scrollTop / height);
    const entry = index < this.#rows.length ? this.#rows.at(index) : null;
    this.#anchor = entry ? { key: entry.key, index, scrollTop } : null;
    return scrollTop;
  }

  #setRowCount(count) {
    const text = String(count);
    if (this.#element.ariaRowCount !== text) this.#element.ariaRowCount = text;
  }

  /** Whether one of these rows has an element. */
  #isAnyDrawn(first, last) {
    for (let index = first; index < last; index++) {
      if (this.#elements.has(this.#rows.at(index).key)) return true;
    }
    return false;
  }

  /** Take the elements of rows that are out of sight; those that come into sight get them. */
  #takeOut(inSight) {
    for (const [key, element] of this.#elements) {
      if (inSight.has(key)) continue;
      this.#elements.delete(key);
      if (element.row.contains(document.activeElement)) element.row.remove(); // its row is deleted
      else this.#spare.push(element);
    }
  }

  /** Move the elements that wait for other rows out of sight: they show rows that may be gone. */
  #hideSpare() {
    for (const element of this.#spare) {
      if (element.index < 0) continue;
      element.index = -1; // so that it is placed again
      element.row.style.transform = 'translateY(-9999px)';
    }
  }

  #drawRow(key, index, height) {
    const entry = this.#rows.at(index);
    let element = this.#elements.get(key);
    if (!element) {
      element = this.#spare.pop() ?? this.#make();
      this.#elements.set(key, element);
      element.row.dataset.key = key;
      this.#setTabStop(element, false);
    }
    const { row } = element;
    if (element.index !== index || element.height !== height) {
      Object.assign(element, { index, height });
      row.style.transform = `translateY(${index * height}px)`;
      row.ariaRowIndex = index + 2; // the head is the first
    }
    const isSelected = key === this.#selected;
    if (element.isSelected !== isSelected) {
      element.isSelected = isSelected;
      if (isSelected) row.ariaSelected = 'true';
      else row.removeAttribute('aria-selected');
    }
    this.#table.columns.forEach((column, place) => fill(element, place, column.lines(entry.row)));
    this.#drawChange(element, this.#rows.change(key));
  }

  #make() {
    const cells = this.#table.columns.map(({ title, isNumber }, place) => {
      const cell = place
        ? make('td', { role: 'gridcell', dataset: { label: title } })
        : make('th', { scope: 'row', role: 'rowheader' });
      if (isNumber) cell.classList.add('number');
      return cell;
    });
    cells.push(make('td', { role: 'gridcell', className: 'change', dataset: { label: LAST_CHANGE } }));
    const row = make('tr', { role: 'row' }, ...cells);
    this.#body.append(row);
    return { row, cells, index: -1, height: 0, drawn: [], isSelected: false, mark: null };
  }

  /** What has changed last; while it is new it stands out. */
  #drawChange(element, change) {
    const { row, cells } = element;
    const age = change ? Date.now() - change.at : Infinity;
    const mark = age < MARK_MS ? change : null;
    if (element.mark !== mark) {
      element.mark = mark;
      if (mark) row.dataset.mark = mark.kind;
      else delete row.dataset.mark;
      this.#table.columns.forEach(({ fields }, place) => {
        const isChanged = mark !== null && fields.some((field) => mark.fields.has(field));
        cells[place].classList.toggle('changed', isChanged);
      });
      row.style.animationDelay = mark ? `${-age}ms` : '';
      if (mark) startAgain(row);
    }
    fill(element, this.#table.columns.length, change ? describe(change) : []);
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
    for (const [each, element] of this.#elements) this.#setTabStop(element, each === key);
    this.current = key;
  }

  /** Without a current row, the Tab key leads to the first one in sight. */
  #makeReachable(index) {
    if (!this.#rows.length) return;
    const { key } = this.#rows.at(Math.min(index, this.#rows.length - 1));
    for (const [each, element] of this.#elements) this.#setTabStop(element, each === key);
  }

  #setTabStop(element, isStop) {
    if (element.isStop === isStop) return;
    element.isStop = isStop;
    element.row.tabIndex = isStop ? 0 : -1;
  }
}

function fill(element, place, lines) {
  const text = fingerprint(lines);
  if (element.drawn[place] === text) return;
  element.drawn[place] = text;
  fillLines(element.cells[place], lines);
}

function describe(change) {
  const text = summaryOf(change);
  return [
    { text: '', time: change.at.toISOString() },
    { text: shortened(text, 120), tone: 'quiet', title: text },
  ];
}

/** Start a row's animation again. */
function startAgain(row) {
  for (const animation of row.getAnimations()) {
    animation.cancel();
    animation.play();
  }
}
