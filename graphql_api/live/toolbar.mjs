/** What is above the rows: search, filters, how many rows match, and the pause. */

import { byId, isTyping, make, setText } from './dom.mjs';
import { chipsOf, textFilters } from './filters.mjs';
import { counted, inSentence, number, words } from './formats.mjs';

/** The rows are cards then: see screens.css. */
const NARROW = '(max-width: 60rem)';

export class Toolbar {
  #update;
  #table;
  #view;
  #search = byId('search');
  #chips = byId('chips');
  #adding = byId('adding');
  #key = byId('filter-key');
  #value = byId('filter-value');
  #clear = byId('clear');
  #pause = byId('pause');
  #matches = byId('matches');

  /** @param {(changes: Partial<import('./url_state.mjs').View>) => void} update the view */
  constructor(update) {
    this.#update = update;
    this.#search.oninput = () => update({ query: this.#search.value });
    this.#pause.onclick = () => update({ isPaused: !this.#view.isPaused });
    this.#clear.onclick = () => update({ query: '', where: [] });
    byId('add-filter').onsubmit = (event) => {
      event.preventDefault();
      const value = this.#value.value.trim();
      if (value) this.#add(this.#key.value, value);
      this.#value.value = '';
      this.#adding.open = false;
    };
    this.#adding.onkeydown = (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.#adding.open = false;
      this.#adding.firstElementChild.focus();
    };
    this.#adding.ontoggle = () => this.#adding.open && this.#value.focus();
    this.#key.onchange = () => this.#showKind();
    const narrow = matchMedia(NARROW);
    narrow.onchange = () => this.#place(narrow.matches);
    this.#place(narrow.matches);
    document.addEventListener('keydown', (event) => {
      if (event.key !== '/' || isTyping(event) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.#search.focus();
      this.#search.select();
    });
  }

  /**
   * @param {import('./tables.mjs').Table} table
   * @param {import('./url_state.mjs').View} view
   */
  show(table, view) {
    const isOther = table !== this.#table;
    this.#table = table;
    this.#view = view;
    if (this.#search.value !== view.query) this.#search.value = view.query;
    this.#search.placeholder = `Search ${inSentence(table.title)}`;
    this.#search.ariaLabel = `Search ${inSentence(table.title)}; the key is /`;
    if (isOther) {
      this.#key.replaceChildren(
        ...textFilters(table).map(({ key, relation }) =>
          make('option', { value: key, textContent: describe(key, relation) }),
        ),
      );
      this.#showKind();
      this.#adding.open = false;
    }
    this.#drawChips();
    this.#clear.hidden = !view.query && !view.where.length;
    this.#pause.ariaPressed = String(view.isPaused);
  }

  /**
   * @param {number} matching how many rows are in view
   * @param {number | null} all how many the table has; null, if that is not known
   * @param {number} waiting how many changes wait for the end of the pause
   */
  showCounts(matching, all, waiting) {
    const { query, where, isPaused } = this.#view;
    const isPart = Boolean(query) || where.length > 0;
    const counts = isPart ? `${number.format(matching)} of ${counted(all, 'row')}` : counted(all, 'row');
    setText(this.#matches, all === null ? '' : counts);
    const held = waiting ? ` (${number.format(waiting)})` : '';
    setText(this.#pause.lastElementChild, isPaused ? `Resume${held}` : 'Pause');
  }

  /** The pause is at the end, or beside the search; the Tab key goes as the eye does. */
  #place(isNarrow) {
    const focused = document.activeElement;
    if (isNarrow) this.#chips.before(this.#matches, this.#pause);
    else this.#clear.after(this.#matches, this.#pause);
    if (focused === this.#pause) focused.focus();
  }

  #add(key, value) {
    const isThere = this.#view.where.some((each) => each[0] === key && each[1] === value);
    if (!isThere) this.#update({ where: [...this.#view.where, [key, value]] });
  }

  #remove(key, value) {
    const where = this.#view.where.filter((each) => each[0] !== key || each[1] !== value);
    this.#update({ where });
  }

  /** Keep the elements that stay: one of them may have the focus. */
  #drawChips() {
    const fixed = chipsOf(this.#table);
    const isFixed = (key, value) => fixed.some((chip) => chip.key === key && chip.value === value);
    const added = this.#view.where
      .filter(([key, value]) => !isFixed(key, value))
      .map(([key, value]) => ({ key, value, label: `${key} ${value}`, isAdded: true }));
    const there = new Map([...this.#chips.children].map((chip) => [chip.dataset.chip, chip]));
    const chips = [...fixed, ...added].map((chip) => {
      const id = `${this.#table.id} ${chip.key}=${chip.value}`;
      const element = there.get(id) ?? this.#makeChip(id, chip);
      const isOn = this.#view.where.some(([key, value]) => key === chip.key && value === chip.value);
      element.ariaPressed = String(isOn);
      return element;
    });
    const isSame =
      chips.length === this.#chips.children.length &&
      chips.every((chip, index) => chip === this.#chips.children[index]);
    if (!isSame) this.#chips.replaceChildren(...chips);
  }

  #makeChip(id, { key, value, label, isAdded }) {
    const chip = make('button', {
      type: 'button',
      className: 'chip',
      textContent: isAdded ? `${label} ✕` : label,
      dataset: { chip: id },
    });
    if (isAdded) chip.ariaLabel = `Remove the filter ${label}`;
    chip.onclick = () => {
      if (chip.ariaPressed === 'true') this.#remove(key, value);
      else this.#add(key, value);
    };
    return chip;
  }

  #showKind() {
    const filter = this.#table.filters.find(({ key }) => key === this.#key.value);
    this.#value.type = filter?.relation === 'AFTER' ? 'datetime-local' : 'text';
    this.#value.ariaLabel = filter ? describe(filter.key, filter.relation) : 'Value';
  }
}

function describe(key, relation) {
  if (relation === 'CONTAINS') return `${words(key)} contains`;
  if (relation === 'AFTER') return 'started after';
  return `${words(key)} is`;
}
