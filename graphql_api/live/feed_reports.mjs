/** How the server's feeds are, asked again and again while somebody wants to know. */

import { FEEDS } from './documents.mjs';
import { ask } from './graphql.mjs';

/** How long after an answer the server is asked again. */
const EVERY_MS = 2_000;

/**
 * What the server says of one feed, as the type `Feed` of the schema.
 *
 * @typedef {object} Report
 * @property {string} table its name in the database
 * @property {string} status
 * @property {string} since
 * @property {string | null} problem
 * @property {number} documents
 * @property {number} unreadDocuments
 * @property {number} subscribers
 * @property {string | null} lastChangeAt
 */

export class FeedReports {
  #tell;
  #wants = new Set();
  #isAsking = false;
  #timer; // of the next question

  /** @param {(reports: Map<string, Report>) => void} tell is called with each answer, by table */
  constructor(tell) {
    this.#tell = tell;
  }

  /**
   * @param {string} who wants to know; what was answered before that may be old
   * @param {boolean} isWanted
   */
  want(who, isWanted) {
    const isNew = isWanted && !this.#wants.has(who);
    if (isWanted) this.#wants.add(who);
    else this.#wants.delete(who);
    if (isNew && !this.#isAsking) this.#ask();
  }

  async #ask() {
    clearTimeout(this.#timer);
    if (!this.#wants.size) return;
    this.#isAsking = true;
    const { data } = await ask(FEEDS);
    this.#isAsking = false;
    this.#timer = setTimeout(() => this.#ask(), EVERY_MS);
    // Without an answer, what is known stays; the connection says that it is lost.
    if (data?.feeds) this.#tell(new Map(data.feeds.map((report) => [report.table, report])));
  }
}
