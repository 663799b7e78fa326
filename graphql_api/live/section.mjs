/** A table's place in the page: its heading, how many rows it has, how it stands, and the rows. */

import { isNotAllowed } from './connection.mjs';
import { tableStatus } from './status.mjs';
import { TableView } from './table_view.mjs';

const number = new Intl.NumberFormat();

export class Section {
  #state;
  #section;
  #link;
  view;

  /**
   * @param {import('./tables.mjs').Table} table
   * @param {import('./table_state.mjs').TableState} state
   * @param {import('./tables.mjs').Look} look
   * @param {() => void} askForToken
   */
  constructor(table, state, look, askForToken) {
    this.#state = state;
    this.#section = clone('section');
    this.#link = clone('link');
    this.view = new TableView(table, state, this.#find('table'), look);

    const heading = `${table.id}-heading`;
    this.#section.id = table.id;
    this.#find('h2').id = heading;
    this.#find('h2').textContent = table.title;
    const order = table.newestBy ? 'the latest first' : `ordered by ${table.columns[0].title.toLowerCase()}`;
    this.#find('caption').textContent =
      `${table.title}, ${order}. ` +
      'The last column says what has changed since the page was opened.';
    this.#find('.scroll').setAttribute('aria-labelledby', heading);
    this.#find('.ask').onclick = askForToken;
    this.#link.firstElementChild.href = `#${table.id}`;
    this.#link.querySelector('.title').textContent = table.title;
  }

  appendTo(page, navigation) {
    page.append(this.#section);
    navigation.append(this.#link);
  }

  /** Say how many rows there are, and how they stand. */
  showStatus(isConnected) {
    const { tone, label, detail } = tableStatus(this.#state, isConnected);
    const { rows, status, problem } = this.#state;
    const isReading = status === 'INITIALIZING';
    const isUnknown = isReading && this.#state.count === 0;
    const count = isUnknown ? '' : number.format(this.#state.count);
    setText(this.#find('.label'), label);
    setText(this.#find('.detail'), detail);
    setText(this.#find('.count'), count);
    setText(this.#link.querySelector('.count'), count);
    setText(this.#link.querySelector('.label'), isConnected ? label : ''); // else it is said beside
    this.#find('.ask').hidden = !problem || !isNotAllowed(problem);
    this.#find('.empty').hidden = rows.size > 0 || isReading || problem !== null;
    this.#find('table').setAttribute('aria-busy', isReading);
    this.#section.dataset.tone = this.#link.dataset.tone = tone;
  }

  #find(selector) {
    return this.#section.querySelector(selector);
  }
}

function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** Leave what is there if it is the same: a screen reader would read it out again. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
