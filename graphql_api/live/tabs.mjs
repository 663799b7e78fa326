/** The tabs of the tables: how many rows each has, how it stands, and what changed out of sight. */

import { make, setText } from './dom.mjs';
import { counted, number } from './formats.mjs';

const MOST = 99;

export class Tabs {
  #tabs = new Map(); // by the table's id
  #chosen = null;
  #choose;

  /**
   * @param {HTMLElement} element of the role tablist
   * @param {import('./tables.mjs').Table[]} tables
   * @param {(id: string) => void} choose
   */
  constructor(element, tables, choose) {
    this.#choose = choose;
    for (const { id, title } of tables) {
      const count = make('span', { className: 'count' });
      const unseen = make('span', { className: 'unseen', hidden: true });
      const state = make('span', { className: 'state', hidden: true });
      const tab = make(
        'button',
        { type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': 'panel', tabIndex: -1 },
        make('span', { textContent: title }),
        ' ',
        count,
        ' ',
        unseen,
        ' ',
        state,
      );
      tab.onclick = () => choose(id);
      element.append(tab);
      this.#tabs.set(id, { tab, count, unseen, state, changes: 0 });
    }
    element.onkeydown = (event) => this.#press(event);
  }

  /** The table in view is another one. */
  show(id) {
    this.#chosen = id;
    for (const [each, { tab }] of this.#tabs) {
      tab.ariaSelected = String(each === id);
      tab.tabIndex = each === id ? 0 : -1;
    }
    this.#tabs.get(id).tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.#setUnseen(id, 0);
  }

  /** A row has changed; that is seen if its table is in view. */
  countChange(id) {
    if (id !== this.#chosen) this.#setUnseen(id, this.#tabs.get(id).changes + 1);
  }

  /**
   * @param {string} id
   * @param {number | null} rows null, if that is not known
   * @param {{tone: string, label: string}} status
   */
  showStatus(id, rows, { tone, label }) {
    const { tab, count, state } = this.#tabs.get(id);
    setText(count, rows === null ? '' : number.format(rows));
    tab.dataset.tone = tone;
    state.hidden = tone === 'good';
    setText(state, tone === 'good' ? '' : label);
  }

  #setUnseen(id, changes) {
    const tab = this.#tabs.get(id);
    tab.changes = changes;
    tab.unseen.hidden = changes === 0;
    setText(tab.unseen, changes > MOST ? `${MOST}+` : String(changes));
    tab.unseen.title = `${counted(changes, 'change')} since you last looked`;
    // The visible number stands for what it is called.
    if (changes) tab.unseen.setAttribute('aria-label', `${counted(changes, 'unseen change')}`);
    tab.unseen.setAttribute('role', 'img');
  }

  #press(event) {
    const ids = [...this.#tabs.keys()];
    const at = ids.indexOf(this.#chosen);
    const targets = {
      ArrowRight: (at + 1) % ids.length,
      ArrowLeft: (at + ids.length - 1) % ids.length,
      Home: 0,
      End: ids.length - 1,
    };
    if (!(event.key in targets)) return;
    event.preventDefault();
    const id = ids[targets[event.key]];
    this.#choose(id);
    this.#tabs.get(id).tab.focus();
  }
}
