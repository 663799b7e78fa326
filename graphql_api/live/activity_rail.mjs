/** The last changes, the newest first: beside the rows, or on a narrow screen in a sheet. */

import { byId, isTyping, make, setText } from './dom.mjs';
import { counted, DOT, shortened } from './formats.mjs';

/** How much of a row's name and of what has changed is shown. */
const LONGEST = { name: 60, text: 80 };

const [rail, list, empty, peek, peekText, count] = [
  ...['activity', 'activity-list', 'activity-empty', 'peek', 'peek-text', 'activity-count'],
].map(byId);

export class ActivityRail {
  #activity;
  #titles;
  #goTo;
  #elements = new Map(); // by the entry's number
  #isPaused = false;

  /**
   * @param {import('./activity.mjs').Activity} activity
   * @param {Map<string, string>} titles of the tables, by id
   * @param {(entry: import('./activity.mjs').Entry) => void} goTo the row of an entry
   */
  constructor(activity, titles, goTo) {
    this.#activity = activity;
    this.#titles = titles;
    this.#goTo = goTo;
    peek.onclick = () => this.#open(true);
    byId('activity-close').onclick = () => {
      this.#open(false);
      peek.focus();
    };
    rail.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !rail.classList.contains('open')) return;
      event.stopPropagation();
      this.#open(false);
      peek.focus();
    });
    document.addEventListener('keydown', (event) => {
      const [newest] = this.#activity.entries;
      if (event.key !== 'n' || isTyping(event) || event.ctrlKey || event.metaKey || !newest) return;
      event.preventDefault();
      this.#choose(newest);
    });
  }

  pause(isPaused) {
    this.#isPaused = isPaused;
    this.draw();
  }

  /** Show what has come. */
  draw() {
    if (this.#isPaused) return;
    const { entries } = this.#activity;
    empty.hidden = entries.length > 0;
    const kept = new Set(entries.map(({ number }) => number));
    for (const [number, element] of this.#elements) {
      if (kept.has(number)) continue;
      element.remove();
      this.#elements.delete(number);
    }
    const fresh = entries.filter(({ number }) => !this.#elements.has(number));
    list.prepend(...fresh.map((entry) => this.#make(entry)));
    setText(count, this.#activity.count ? counted(this.#activity.count, 'change') : '');
    const [newest] = entries;
    setText(peekText, newest ? `${newest.time} ${newest.name} · ${newest.text}` : 'No change yet');
  }

  #make(entry) {
    const { number, kind, time, name, text, table } = entry;
    const button = make(
      'button',
      { type: 'button', dataset: { kind } },
      make('span', { className: 'when', textContent: time }),
      ' ',
      make('span', { className: 'who', textContent: shortened(name, LONGEST.name), title: name }),
      DOT,
      make('span', { className: 'what', textContent: shortened(text, LONGEST.text), title: text }),
      ' ',
      make('span', { className: 'where', textContent: this.#titles.get(table) }),
    );
    button.onclick = () => this.#choose(entry);
    const element = make('li', {}, button);
    this.#elements.set(number, element);
    return element;
  }

  #choose(entry) {
    this.#open(false);
    this.#goTo(entry);
  }

  #open(isOpen) {
    rail.classList.toggle('open', isOpen);
    peek.ariaExpanded = String(isOpen);
    if (isOpen) byId('activity-title').focus();
  }
}
