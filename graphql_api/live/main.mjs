/** The page: one connection, the tables, what is in view of them, and what is said about them. */

import { Activity } from './activity.mjs';
import { ActivityRail } from './activity_rail.mjs';
import { showBanner, wireBanner } from './banner.mjs';
import { tickTimes } from './cells.mjs';
import { Connection, isNotAllowed } from './connection.mjs';
import { DECLARED, HAS_GRAPHIQL } from './declared.mjs';
import { SERVER, subscription } from './documents.mjs';
import { byId, setText } from './dom.mjs';
import { Drawer } from './drawer.mjs';
import { showPlaceholder } from './placeholder.mjs';
import { noticeOf } from './notice.mjs';
import { DOT } from './formats.mjs';
import { FeedReports } from './feed_reports.mjs';
import { ask, socketURL } from './graphql.mjs';
import { Grid } from './grid.mjs';
import { Health } from './health.mjs';
import { Inbox } from './inbox.mjs';
import { Rates } from './rates.mjs';
import { MARK_MS, ShownRows } from './shown_rows.mjs';
import { overallStatus, tableStatus } from './status.mjs';
import { Summary } from './summary.mjs';
import { tableOf } from './tables.mjs';
import { TableState } from './table_state.mjs';
import { Tabs } from './tabs.mjs';
import { currentToken } from './token.mjs';
import { askAfterRefusal, askForMore, wireTokenForm } from './token_form.mjs';
import { Toolbar } from './toolbar.mjs';
import { readView, viewOf, writeView } from './url_state.mjs';

const TICK_MS = 1_000;
/** How often rows are drawn while more of the first ones come: each time, others are in sight. */
const READING_MS = 250;

const rates = new Rates();
const beside = {
  policyName: (id) => states.get('policies')?.rows.get(id)?.name,
  rates: (key) => rates.of(key),
};
const tables = new Map(DECLARED.map((declared) => [declared.id, tableOf(declared, beside)]));
const list = [...tables.values()];
const titles = new Map(list.map(({ id, title }) => [id, title]));
const states = new Map(list.map((table) => [table.id, new TableState(table)]));
const graphiql = HAS_GRAPHIQL ? new URL('../graphiql', import.meta.url) : null;

let connectionState = 'connecting';
let lostAt = null;
let mayWrite = false;
let reports = new Map();
let view = readView(location.search, list);
let rows = null; // of the table in view
let isDrawing = false;
let drawn = { at: -Infinity, rows: 0 };

const inbox = new Inbox((act) => act(), scheduleDrawing);
// The rows of the table in view come first.
const inOrder = [...list].sort((a, b) => (b.id === view.table) - (a.id === view.table));
const connection = new Connection(
  socketURL(),
  new Map(inOrder.map((table) => [table.id, subscription(table)])),
  {
    state: takeConnectionState,
    event: (id, event) => inbox.put(() => takeEvent(id, event)),
    problem: (id, problem) => inbox.put(() => takeProblem(id, problem)),
  },
  { token: currentToken },
);
const feedReports = new FeedReports(takeReports);
const summary = new Summary(byId('summary'));
const activity = new Activity();
const tabs = new Tabs(byId('tabs'), list, (id) => id !== view.table && setView(viewOf(id, view), true));
const toolbar = new Toolbar((changes) => setView({ ...view, ...changes }));
const grid = new Grid(byId('scroller'), { open: openRow, sort: sortBy });
const health = new Health(list, (isWanted) => {
  feedReports.want('panel', isWanted);
  draw();
});
const rail = new ActivityRail(activity, titles, ({ table, key, name }) => goTo(table, key, name));
const drawer = new Drawer(
  {
    mayWrite: () => mayWrite,
    graphiql,
    goTo: (table, key) => {
      goTo(table, key);
      openRow(key);
    },
    closed: () => {
      const { row } = view;
      setView({ ...view, row: null });
      if (!grid.focus(row)) byId('scroller').focus();
    },
  },
  titles,
);

// What comes from the server

function takeConnectionState(state) {
  // Until it stands again, a lost connection is lost, also while it is tried.
  connectionState = state === 'connecting' && lostAt ? 'lost' : state;
  if (state === 'lost') lostAt ??= new Date();
  else if (state !== 'connecting') lostAt = null;
  if (state === 'refused') askAfterRefusal();
  if (state === 'connected') askForServer();
  draw();
}

function takeEvent(id, event) {
  takeChange(tables.get(id), states.get(id).apply(event));
}

function takeProblem(id, problem) {
  const isForbidden = isNotAllowed(problem);
  if (isForbidden) activity.forget(id);
  takeChange(tables.get(id), states.get(id).fail(problem, { forget: isForbidden }));
}

/** @param {import('./table_state.mjs').Change | 'replaced' | null} change */
function takeChange(table, change) {
  if (change === 'replaced') {
    for (const [key, row] of states.get(table.id).rows) countItems(key, row, new Date());
  } else if (change?.kind === 'read') {
    countItems(change.key, change.row, change.at);
  } else if (change) {
    summary.count(table.title, change.kind);
    activity.add(table, change);
    tabs.countChange(table.id);
    countItems(change.key, change.row, change.at);
    if (change.kind === 'deleted') rates.delete(change.key);
    if (table.id === view.table) setTimeout(settle, MARK_MS + 50);
  }
  if (change && table.id === view.table) rows.take(change);
  if (change && drawer.shown?.table === table) {
    if (change === 'replaced' || change.key === drawer.shown.key) drawer.rowHasChanged();
  }
}

function countItems(key, row, at) {
  if ('itemCount' in row && row.runState === 'RUNNING') rates.add(key, row.itemCount, at);
}

function takeReports(known) {
  reports = known;
  for (const table of list) {
    states.get(table.id).reason = known.get(table.stored)?.problem ?? null;
  }
  draw();
}

async function askForServer() {
  const { data } = await ask(SERVER);
  const server = data?.server;
  mayWrite = server?.scopes.includes('write') ?? false;
  setText(byId('server-database'), server?.database ?? '');
  setText(byId('server-version'), server ? `v${server.version}` : '');
  const known = server ? [server.database, `v${server.version}`] : [];
  setText(byId('health-server'), [location.host, ...known].join(DOT));
  drawer.rowHasChanged();
}

// What is in view

/** @param {import('./url_state.mjs').View} next */
function setView(next, isNewPlace = false) {
  const before = view;
  view = next;
  const url = `${location.pathname}${writeView(view)}`;
  if (isNewPlace) history.pushState(null, '', url);
  else history.replaceState(null, '', url);
  applyView(before);
}

function applyView(before) {
  const isOther = (name) => before?.[name] !== view[name];
  const table = tables.get(view.table);
  const state = states.get(view.table);
  tabs.show(view.table);
  byId('panel').setAttribute('aria-labelledby', `tab-${view.table}`);
  if (isOther('table') || isOther('query') || isOther('where') || isOther('sort')) {
    rows = new ShownRows(table, state, view);
    grid.show(table, rows, view.sort);
  }
  rows.pause(view.isPaused);
  rail.pause(view.isPaused);
  toolbar.show(table, view);
  grid.select(view.row);
  if (view.row === null) drawer.close();
  else drawer.open(table, view.row, state);
  draw();
}

function openRow(key) {
  setView({ ...view, row: key });
  drawer.focus();
}

function sortBy(slug) {
  const next = { [slug]: `-${slug}`, [`-${slug}`]: null };
  setView({ ...view, sort: view.sort in next ? next[view.sort] : slug });
}

/** Show a row wherever it is, and give it the focus. */
function goTo(id, key, name = key) {
  if (id !== view.table) setView(viewOf(id, view), true);
  draw(); // what is not shown takes no focus
  if (grid.focus(key)) return;
  if (states.get(id).rows.has(key)) {
    setView({ ...view, query: '', where: [], isPaused: false }); // a filter or the pause hides it
    draw();
    grid.focus(key);
  } else {
    setText(byId('summary'), `${name} is deleted: there is no row to show.`);
  }
}

// Drawing

/** What has changed is drawn with the next frame. A hidden page has no frames; only its title changes. */
function scheduleDrawing() {
  health.show(overallStatus(states.values(), connectionState));
  if (isDrawing) return;
  isDrawing = true;
  const drawNext = () =>
    requestAnimationFrame(() => {
      isDrawing = false;
      draw();
    });
  const { isFirstReading } = states.get(view.table);
  const waitMs = isFirstReading && drawn.rows ? drawn.at + READING_MS - performance.now() : 0;
  if (waitMs > 0) setTimeout(drawNext, waitMs);
  else drawNext();
}

function draw() {
  drawn = { at: performance.now(), rows: rows.length };
  const isConnected = connectionState === 'connected';
  const statuses = new Map(list.map(({ id }) => [id, tableStatus(states.get(id), isConnected)]));
  for (const { id } of list) {
    const state = states.get(id);
    tabs.showStatus(id, isUnknown(state) ? null : state.count, statuses.get(id));
  }
  const state = states.get(view.table);
  const status = statuses.get(view.table);
  health.show(overallStatus(states.values(), connectionState));
  health.showTables(statuses, reports);
  feedReports.want(
    'reasons',
    isConnected && [...states.values()].some((each) => each.status !== 'READY'),
  );
  showBanner(noticeOf(connectionState, lostAt, status, state.rows.size > 0));
  toolbar.showCounts(rows.length, isUnknown(state) ? null : state.rows.size, rows.waiting);
  showPlaceholder(tables.get(view.table), state, status, {
    matching: rows.length,
    connection: connectionState,
    graphiql,
    clear: () => setView({ ...view, query: '', where: [] }),
    askForToken: askForMore,
  });
  document.body.classList.toggle('is-old', status.tone === 'old' && state.rows.size > 0);
  rail.draw();
  grid.render();
}

/** Whether nothing is known of how many rows a table has. */
const isUnknown = (state) => state.count === 0 && (state.status === 'INITIALIZING' || state.problem);

function settle() {
  rows.settle();
  scheduleDrawing();
}

// The page itself

for (const [id, target] of [['to-graphiql', ''], ['to-docs', '#docs']]) {
  if (graphiql) byId(id).href = new URL(target, graphiql).href;
  else byId(id).parentElement.remove();
}
setText(byId('server-host'), location.host);
wireBanner(() => connection.open(), askForMore);
wireTokenForm(() => connection.open());
addEventListener('popstate', () => {
  const before = view;
  view = readView(location.search, list);
  applyView(before);
});
addEventListener('online', () => connection.isWaiting && connection.open());
setInterval(() => tickTimes(), TICK_MS);
applyView(null);
connection.open();
