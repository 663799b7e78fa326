/** How all is: the pill in the bar, and the panel that it opens, with each table's figures. */

import { drawTime } from './cells.mjs';
import { byId, make, setText } from './dom.mjs';
import { number, sentence } from './formats.mjs';
import { sharedProblems } from './status.mjs';

const TITLE = document.title;
const [pill, label, panel, why, body, said] = [
  ...['health', 'health-label', 'health-panel', 'health-why', 'health-rows', 'health-said'],
].map(byId);

export class Health {
  #tables;
  #wantReports;

  /**
   * @param {import('./tables.mjs').Table[]} tables
   * @param {(isWanted: boolean) => void} wantReports of the feeds
   */
  constructor(tables, wantReports) {
    this.#tables = tables;
    this.#wantReports = wantReports;
    pill.onclick = () => this.#open(panel.hidden);
    byId('health-close').onclick = () => this.#open(false);
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || panel.hidden) return;
      event.stopImmediatePropagation();
      this.#open(false);
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (!panel.hidden && !panel.contains(target) && !pill.contains(target)) this.#close();
    });
  }

  /** Say how all is; in the page's title what is wrong, for those who look at another tab. */
  show({ tone, label: text }) {
    pill.dataset.tone = tone;
    setText(label, text);
    setText(said, text);
    const title = tone === 'good' || tone === 'wait' ? TITLE : `${text} · ${TITLE}`;
    if (document.title !== title) document.title = title;
  }

  /**
   * @param {Map<string, {tone: string, label: string}>} statuses of the tables, by id
   * @param {Map<string, import('./feed_reports.mjs').Report>} reports by the names in the database
   */
  showTables(statuses, reports) {
    if (panel.hidden) return;
    const shared = sharedProblems(this.#tables, reports);
    setText(why, [...shared.values()].join(' '));
    body.replaceChildren(
      ...this.#tables.map(({ id, title, stored }) => {
        const report = reports.get(stored);
        return row(title, statuses.get(id), report, shared.has(report?.problem) ? null : report?.problem);
      }),
    );
  }

  #open(isOpen) {
    panel.hidden = !isOpen;
    pill.ariaExpanded = String(isOpen);
    this.#wantReports(isOpen);
    if (isOpen) byId('health-title').focus();
    else pill.focus();
  }

  #close() {
    panel.hidden = true;
    pill.ariaExpanded = 'false';
    this.#wantReports(false);
  }
}

/** @param {string | null} [problem] what is wrong with this table alone */
function row(title, { tone, label: text }, report, problem) {
  const unread = report?.unreadDocuments
    ? `${number.format(report.unreadDocuments)} documents cannot be read; the log names them.`
    : '';
  const head = make('th', { scope: 'row', role: 'rowheader' }, title);
  for (const reason of [problem && sentence(problem), unread].filter(Boolean)) {
    head.append(make('span', { className: 'line why', textContent: reason }));
  }
  return make(
    'tr',
    { role: 'row' },
    head,
    cell('Status', make('span', { className: 'badge', dataset: { tone }, textContent: text })),
    cell('Since', report ? drawTime(report.since) : '–'),
    cell('Rows', report ? number.format(report.documents) : '–', 'number'),
    cell('Subscribers', report ? number.format(report.subscribers) : '–', 'number'),
    cell('Last change', report?.lastChangeAt ? drawTime(report.lastChangeAt) : '–'),
  );
}

/** On a narrow screen a cell says what it is: there the columns have no heads. */
function cell(label, content, className = '') {
  return make('td', { role: 'cell', className, dataset: { label } }, content);
}
