/** What is said of a table and of the connection, in words. */

import { isNotAllowed } from './connection.mjs';

const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/**
 * How a table stands: in a word or two, and in a sentence if there is something to explain.
 *
 * @param {import('./table_state.mjs').TableState} state
 * @param {boolean} isConnected
 * @returns {{tone: 'good' | 'old' | 'wait' | 'bad', label: string, detail: string}}
 */
export function tableStatus(state, isConnected) {
  if (state.problem) {
    const { message } = state.problem;
    return isNotAllowed(state.problem)
      ? { tone: 'bad', label: 'not allowed', detail: message }
      : { tone: 'bad', label: 'interrupted', detail: `${message} It is tried again.` };
  }
  const hasRows = state.rows.size > 0;
  if (!isConnected) {
    return hasRows
      ? { tone: 'old', label: 'not connected', detail: 'The rows may be old.' }
      : { tone: 'wait', label: 'not connected', detail: '' };
  }
  switch (state.status) {
    case 'READY':
      return { tone: 'good', label: 'live', detail: '' };
    case 'STALE':
      return {
        tone: 'old',
        label: 'stale',
        detail:
          `Since ${timeOfDay.format(state.statusSince)} the server cannot reach the database. ` +
          'What changes meanwhile is shown once it can.',
      };
    default:
      return hasRows
        ? { tone: 'wait', label: 'reading again', detail: 'The rows may be old until all are read.' }
        : { tone: 'wait', label: 'reading', detail: '' };
  }
}
