/** The page: one connection, the tables, and what is said about them. */

import { Banner } from './banner.mjs';
import { Connection, isNotAllowed } from './connection.mjs';
import { DECLARED } from './declared.mjs';
import { FeedReasons } from './feed_reasons.mjs';
import { Section } from './section.mjs';
import { overallStatus } from './status.mjs';
import { Summary } from './summary.mjs';
import { subscription, tableOf } from './tables.mjs';
import { TableState } from './table_state.mjs';
import { currentToken } from './token.mjs';

/** How long drawing one table may take of a frame. */
const DRAWING_MS = 12;

const TABLES = DECLARED.map(tableOf);
const banner = new Banner(() => connection.open());
const summary = new Summary(document.getElementById('summary'));
const states = new Map(TABLES.map((table) => [table.id, new TableState(table)]));
const look = { policyName: (id) => states.get('policies').rows.get(id)?.name };
const sections = TABLES.map((table) => {
  return new Section(table, states.get(table.id), look, askForToken);
});
const connection = new Connection(
  graphqlURL(),
  new Map(TABLES.map((table) => [table.id, subscription(table)])),
  {
    state(state) {
      banner.showConnection(state);
      scheduleDrawing();
    },
    event(id, event) {
      const kind = states.get(id).apply(event);
      if (kind) summary.count(TABLES.find((table) => table.id === id).title, kind);
      scheduleDrawing();
    },
    problem(id, problem) {
      states.get(id).fail(problem, { forget: isNotAllowed(problem) });
      scheduleDrawing();
    },
  },
  { token: currentToken },
);
const reasons = new FeedReasons(new URL('../graphql', import.meta.url), currentToken, (known) => {
  for (const table of TABLES) states.get(table.id).reason = known.get(table.stored) ?? null;
  scheduleDrawing();
});
let isDrawingScheduled = false;

function askForToken() {
  banner.askForToken('A token that allows more replaces the one that is used.');
}

/** Where the server's GraphQL is: one level above this module, below whatever path a proxy serves both. */
function graphqlURL() {
  const url = new URL('../graphql', import.meta.url);
  url.protocol = url.protocol.replace('http', 'ws');
  return url;
}

/** Every change is drawn with the next frame. A hidden page has no frames; only its title changes. */
function scheduleDrawing() {
  banner.showTables(overallStatus(states.values()));
  reasons.want(banner.isConnected && [...states.values()].some(({ status }) => status !== 'READY'));
  if (isDrawingScheduled) return;
  isDrawingScheduled = true;
  requestAnimationFrame(draw);
}

function draw() {
  isDrawingScheduled = false;
  const policies = states.get('policies').pending;
  if (policies.size) states.get('schedules').touch((row) => policies.has(row.policyId));
  for (const section of sections) {
    section.showStatus(banner.isConnected);
    const end = performance.now() + DRAWING_MS;
    if (!section.view.draw(() => performance.now() > end)) scheduleDrawing();
  }
}

for (const section of sections) {
  section.appendTo(document.querySelector('main'), document.querySelector('nav ul'));
}
window.addEventListener('online', () => connection.isWaiting && connection.open());
connection.open();
