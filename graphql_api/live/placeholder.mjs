/** What stands in the place of rows: what is waited for and why, or what to do next. */

import { byId, make, setText } from './dom.mjs';
import { counted, inSentence, number } from './formats.mjs';

const [place, scroller] = ['placeholder', 'scroller'].map(byId);
let shown = '';

/**
 * @param {import('./tables.mjs').Table} table
 * @param {import('./table_state.mjs').TableState} state
 * @param {{tone: string, detail: string, isForbidden?: boolean}} status
 * @param {object} page
 * @param {number} page.matching how many rows match
 * @param {string} page.connection
 * @param {URL | null} page.graphiql
 * @param {() => void} page.clear search and filters
 * @param {() => void} page.askForToken
 */
export function showPlaceholder(table, state, status, page) {
  const what = contentOf(table, state, status, page);
  scroller.setAttribute('aria-busy', String(what?.isWaiting ?? false));
  scroller.classList.toggle('without-rows', what !== null);
  place.hidden = what === null;
  if (what === null) {
    shown = '';
    return;
  }
  place.classList.toggle('waiting', what.isWaiting ?? false);
  if (what.title + what.id === shown) {
    setText(place.querySelector('.why'), what.why);
    return;
  }
  shown = what.title + what.id;
  const bones = what.isWaiting
    ? [make('div', { className: 'bones', 'aria-hidden': 'true' }, ...Array.from({ length: 8 }, bone))]
    : [];
  place.replaceChildren(
    make(
      'div',
      { className: 'said', role: 'status' },
      make('p', { className: 'title', textContent: what.title }),
      make('p', { className: 'why', textContent: what.why }),
      ...(what.action ? [make('p', {}, what.action)] : []),
    ),
    ...bones,
  );
}

function contentOf(table, state, { tone, detail, isForbidden }, page) {
  const name = inSentence(table.title);
  const id = table.id;
  if (isForbidden) {
    const action = make('button', { type: 'button', textContent: 'Use another token' });
    action.onclick = page.askForToken;
    return { id, title: `You may not read the ${name}`, why: detail, action };
  }
  if (page.connection === 'refused' && state.rows.size === 0) {
    const why = `The server shows the ${name} to those who have one.`;
    return { id, title: 'A token is needed', why };
  }
  if (state.rows.size === 0 && (state.status === 'INITIALIZING' || state.problem)) {
    return { id, isWaiting: true, ...waiting(name, state, tone, detail, page.connection) };
  }
  if (page.matching > 0) return null;
  if (state.rows.size > 0) {
    const action = make('button', { type: 'button', textContent: 'Clear search and filters' });
    action.onclick = page.clear;
    const all = counted(state.rows.size, 'row');
    return { id, title: 'No row matches', why: `The table has ${all}; search and filters leave none.`, action };
  }
  const action = page.graphiql
    ? make('a', { className: 'button', href: page.graphiql.href, textContent: 'Open GraphiQL' })
    : null;
  const why =
    'They appear here as soon as somebody writes one: the crawler, or a mutation. To see changes ' +
    'without a crawler, start the server with --demo.';
  return { id, title: `There are no ${name} yet`, why, action };
}

function waiting(name, state, tone, detail, connection) {
  if (connection === 'lost') {
    return { title: 'There is no connection to the server', why: 'It is tried again by itself.' };
  }
  if (connection === 'connecting') {
    return { title: 'Connecting to the server…', why: `The ${name} come next.` };
  }
  if (tone === 'bad') return { title: `Waiting for the ${name}`, why: detail };
  const come = state.count ? `${number.format(state.count)} have come.` : 'The server sends the first ones.';
  return { title: `Reading the ${name}…`, why: come };
}

const bone = () => make('div', { className: 'bone' }, make('i'), make('i'), make('i'), make('i'));
