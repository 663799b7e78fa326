/** What is said above the rows of what is wrong: one thing, the worst. */

import { clock } from './formats.mjs';

/**
 * What is said: nothing, if all is well.
 *
 * @typedef {{text: string, tone: string, action?: 'try' | 'token'} | null} Notice
 */

/**
 * What is wrong, the worst first: the connection, the table in view, then other tables.
 *
 * @param {'connecting' | 'connected' | 'lost' | 'refused'} connection
 * @param {Date | null} lostAt
 * @param {{tone: string, detail: string, isForbidden?: boolean}} status of the table in view
 * @param {boolean} hasRows whether it shows any
 * @returns {Notice}
 */
export function noticeOf(connection, lostAt, status, hasRows) {
  if (connection === 'refused') return null; // the form for a token says it
  if (lostAt) {
    const rows = hasRows ? ' The rows below may be old.' : '';
    return {
      text: `The connection was lost at ${clock(lostAt)}. It is tried again by itself.${rows}`,
      tone: 'old',
      action: 'try',
    };
  }
  if (status.tone === 'good' || !status.detail || !hasRows) return null; // the empty table says it
  return { text: status.detail, tone: status.tone, ...(status.isForbidden && { action: 'token' }) };
}
