/** One row with all that it has: its values, what leads from it, and what can be done with it. */

import { drawLines, drawTime } from './cells.mjs';
import { inWords } from './differences.mjs';
import { rowForPeople, wholeRow } from './documents.mjs';
import { byId, make, setText } from './dom.mjs';
import { drawEditing } from './edit_form.mjs';
import { sentence } from './formats.mjs';
import { ask } from './graphql.mjs';
import { drawValues } from './values_list.mjs';

/** How long after a change the row is read again: jobs change once a second. */
const PAUSE_MS = 1_000;
/** The looks of the columns that say how far a row has come. */
const PROGRESS = new Set(['jobState', 'progress', 'rate', 'statusCodes']);

const [drawer, title, kind, actions, message, content] = [
  ...['drawer', 'drawer-title', 'drawer-kind', 'drawer-actions', 'drawer-message', 'drawer-content'],
].map(byId);

/**
 * What the drawer needs of the page.
 *
 * @typedef {object} Host
 * @property {() => boolean} mayWrite
 * @property {URL | null} graphiql where GraphiQL is, if it is
 * @property {(table: string, key: string) => void} goTo another row
 * @property {() => void} closed the drawer was closed by its user
 */

export class Drawer {
  /** @type {{table: import('./tables.mjs').Table, key: string, state: import('./table_state.mjs').TableState} | null} */
  shown = null;

  #host;
  #row = null; // as it was read last
  #timer;
  #editing = null; // of the row, as long as something is open there
  #titles;

  /**
   * @param {Host} host
   * @param {Map<string, string>} titles of the tables, by id
   */
  constructor(host, titles) {
    this.#host = host;
    this.#titles = titles;
    byId('drawer-close').onclick = () => this.#leave();
    drawer.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.#leave();
    });
  }

  open(table, key, state) {
    const isOpen = this.shown?.table === table && this.shown.key === key;
    if (isOpen) return;
    this.shown = { table, key, state };
    this.#row = null;
    this.#editing = null;
    drawer.hidden = false;
    document.body.classList.add('has-drawer');
    setText(message, '');
    content.scrollTop = 0;
    this.#draw();
    this.#read();
  }

  close() {
    this.shown = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    drawer.hidden = true;
    document.body.classList.remove('has-drawer');
  }

  /** Put the focus inside. */
  focus() {
    title.focus();
  }

  /** The row has changed, or is there now. */
  rowHasChanged() {
    if (!this.shown) return;
    this.#draw();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#read();
    }, PAUSE_MS);
  }

  #leave() {
    this.close();
    this.#host.closed();
  }

  async #read() {
    const { shown } = this;
    if (!shown) return;
    const { data, error } = await ask(wholeRow(shown.table), { key: shown.key });
    if (this.shown !== shown) return;
    // A token may allow the row, and not a row that it leads to.
    if (data) this.#row = data.row;
    else setText(message, sentence(error.message));
    this.#draw();
  }

  #draw() {
    const { table, key, state } = this.shown;
    const known = state.rows.get(key);
    const row = this.#row ?? known;
    setText(title, known ? table.nameOf(known) : this.#row ? table.nameOf(this.#row) : key);
    setText(kind, table.singular);
    drawer.setAttribute('aria-busy', String(this.#row === null));
    if (this.#isEditing) {
      this.#drawContent(table, row, known, state);
      return;
    }
    this.#drawActions(table, key, known);
    this.#drawContent(table, row, known, state);
  }

  /** Whether somebody types, or has to decide something: that stays as it is. */
  get #isEditing() {
    return this.#editing !== null && this.#editing.childElementCount > 0;
  }

  #drawActions(table, key, known) {
    const focused = actions.contains(document.activeElement) ? document.activeElement.textContent : null;
    const elements = [];
    this.#editing = null;
    if (known && this.#row && this.#host.mayWrite()) {
      const { buttons, place } = drawEditing(table, this.#row, (text) => this.#say(text));
      elements.push(...buttons);
      this.#editing = place;
    }
    if (this.#host.graphiql) elements.push(graphiqlLink(this.#host.graphiql, table, key));
    actions.replaceChildren(make('div', { className: 'buttons' }, ...elements), this.#editing ?? '');
    if (focused !== null) {
      [...actions.querySelectorAll('button, a')].find((each) => each.textContent === focused)?.focus();
    }
  }

  #say(text) {
    this.#editing?.replaceChildren();
    setText(message, text);
    this.#read();
  }

  #drawContent(table, row, known, state) {
    if (!row) {
      const isReading = this.#row === null && state.status === 'INITIALIZING';
      const text = isReading ? 'The row is read…' : `There is no ${table.singular} with this key now.`;
      content.replaceChildren(make('p', { className: 'quiet', textContent: text }));
      return;
    }
    const change = state.lastChanges.get(this.shown.key);
    const unfit = new Set(row.invalidFields);
    const scrolled = content.scrollTop;
    content.replaceChildren(
      ...(known ? [] : [make('p', { className: 'bad', textContent: 'It is deleted. This is what it was.' })]),
      drawKey(row.id),
      ...drawProblemsOf(row),
      ...section('Last change', drawChange(change, row)),
      ...section('Progress', drawProgress(table, known ?? row)),
      ...this.#drawLinks(table, row),
      ...section('Values', [drawValues(row, unfit, change?.fields)]),
      ...(this.#row ? [] : [make('p', { className: 'quiet', textContent: 'The other values are read…' })]),
    );
    content.scrollTop = scrolled;
  }

  #drawLinks(table, row) {
    const links = table.links.flatMap(({ field, table: other, name, isList }) => {
      const found = row[`linked_${field}`];
      const rows = isList ? (found ?? []) : found ? [found] : [];
      return rows.map((linked) => ({ field, other, text: linked[name] ?? linked.id, key: linked.id }));
    });
    const unique = links.filter(
      ({ other, key }, index) => links.findIndex((each) => each.other === other && each.key === key) === index,
    );
    if (!unique.length) return [];
    const items = unique.map(({ other, text, key }) => {
      const link = make('button', { type: 'button', className: 'link', textContent: text });
      link.onclick = () => this.#host.goTo(other, key);
      const where = make('span', { className: 'quiet', textContent: ` ${this.#titles.get(other)}` });
      return make('li', {}, link, where);
    });
    return section('Linked rows', [make('ul', { className: 'links' }, ...items)]);
  }
}

function graphiqlLink(graphiql, table, key) {
  const url = new URL(graphiql);
  url.hash = new URLSearchParams({
    query: rowForPeople(table),
    variables: JSON.stringify({ [table.keyArgument]: key }, null, 2),
  });
  return make('a', { href: url.href, className: 'button', textContent: 'Open in GraphiQL' });
}

function section(text, children) {
  if (!children.length) return [];
  return [make('section', {}, make('h3', { textContent: text }), ...children)];
}

function drawKey(id) {
  const copy = make('button', { type: 'button', className: 'small', textContent: 'Copy' });
  copy.ariaLabel = 'Copy the key';
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(id);
      setText(copy, 'Copied');
    } catch {
      getSelection().selectAllChildren(copy.previousElementSibling); // to be copied by hand
    }
  };
  return make('p', { className: 'key' }, 'id ', make('code', { textContent: id }), ' ', copy);
}

/** What does not fit, and what would stop the crawler. */
function drawProblemsOf(row) {
  const unfit = row.invalidFields.map((path) =>
    make('li', {}, make('code', { textContent: path }), ' – the stored value does not fit, and is served as null or left out'),
  );
  const stopping = (row.problems ?? []).map(({ path, message: text }) =>
    make('li', {}, make('code', { textContent: path }), ` – ${text}`),
  );
  return [
    ...section('Values that do not fit', unfit.length ? [make('ul', { className: 'problems' }, ...unfit)] : []),
    ...section('What would stop the crawler', stopping.length ? [make('ul', { className: 'problems' }, ...stopping)] : []),
  ];
}

function drawChange(change, row) {
  if (change) {
    const found = change.differences.map((each) => make('li', { textContent: inWords(each) }));
    const what = change.kind === 'added' ? 'It is new, ' : '';
    return [
      make('p', {}, what, drawTime(change.at.toISOString())),
      ...(found.length ? [make('ul', {}, ...found)] : []),
    ];
  }
  return row.updatedAt ? [make('p', {}, drawTime(row.updatedAt), ', before this page was opened')] : [];
}

/** How far a job has come: the cells that say it, as the table shows them. */
function drawProgress({ columns }, row) {
  const shown = columns.filter(({ look }) => PROGRESS.has(look));
  if (!shown.length) return [];
  const items = shown.map(({ title: text, lines }) => {
    return make('div', {}, make('dt', { textContent: text }), make('dd', {}, ...drawLines(lines(row))));
  });
  return [make('dl', { className: 'values wide' }, ...items)];
}
