/** What is said of a table and of the connection, in words. */

import { isNotAllowed } from './connection.mjs';
import { clock, sentence } from './formats.mjs';

/** @typedef {'good' | 'old' | 'wait' | 'bad'} Tone */

/**
 * How a table stands: in a word or two, and in a sentence if there is something to explain.
 *
 * @param {import('./table_state.mjs').TableState} state
 * @param {boolean} isConnected
 * @returns {{tone: Tone, label: string, detail: string, isForbidden?: boolean}}
 */
export function tableStatus(state, isConnected) {
  if (state.problem) {
    const { message } = state.problem;
    return isNotAllowed(state.problem)
      ? { tone: 'bad', label: 'not allowed', detail: sentence(message), isForbidden: true }
      : { tone: 'bad', label: 'interrupted', detail: `${sentence(message)} It is tried again.` };
  }
  const hasRows = state.rows.size > 0;
  const reason = state.reason ? sentence(state.reason) : '';
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
          `Since ${clock(state.statusSince)} the server cannot follow the table; the rows are as ` +
          `they were then. ${reason || 'It tries again until it can, and then shows what has changed.'}`,
      };
    default:
      return hasRows && !state.isFirstReading
        ? { tone: 'wait', label: 'reading again', detail: 'The rows may be old until all are read.' }
        : { tone: reason ? 'bad' : 'wait', label: reason ? 'waiting' : 'reading', detail: reason };
  }
}

/**
 * What is wrong with several tables, each thing once: a sentence, by the problem.
 *
 * @param {import('./tables.mjs').Table[]} tables
 * @param {Map<string, {problem: string | null}>} reports by the names in the database
 * @returns {Map<string, string>}
 */
export function sharedProblems(tables, reports) {
  const titles = new Map();
  for (const { title, stored } of tables) {
    const problem = reports.get(stored)?.problem;
    if (problem) titles.set(problem, [...(titles.get(problem) ?? []), title]);
  }
  const shared = [...titles].filter(([, those]) => those.length > 1);
  return new Map(
    shared.map(([problem, those]) => {
      const whose = those.length === tables.length ? 'All tables' : those.join(', ');
      return [problem, sentence(`${whose}: ${problem}`)];
    }),
  );
}

/**
 * How all is, connection and tables together: the worst of them, in a word or two.
 *
 * @param {Iterable<import('./table_state.mjs').TableState>} states
 * @param {'connecting' | 'connected' | 'lost' | 'refused'} connection
 * @returns {{tone: Tone, label: string}}
 */
export function overallStatus(states, connection) {
  if (connection === 'lost') return { tone: 'old', label: 'Reconnecting…' };
  if (connection === 'connecting') return { tone: 'wait', label: 'Connecting…' };
  if (connection === 'refused') return { tone: 'bad', label: 'Token needed' };
  const all = [...states].filter(({ problem }) => !problem || !isNotAllowed(problem));
  if (all.some(({ problem }) => problem)) return { tone: 'bad', label: 'Interrupted' };
  if (all.some(({ status, reason }) => reason && status === 'INITIALIZING')) {
    return { tone: 'bad', label: 'Waiting for the database' };
  }
  if (all.some(({ status }) => status === 'STALE')) return { tone: 'old', label: 'Stale' };
  if (all.some(({ status }) => status !== 'READY')) return { tone: 'wait', label: 'Reading…' };
  return { tone: 'good', label: 'Live' };
}
