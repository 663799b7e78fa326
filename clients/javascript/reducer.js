/**
 * A list of rows by the events of its subscription, of any table. It is a pure function: the same
 * list and event give the same list. `index.d.ts` has the types.
 *
 * While a snapshot is read (`staged`), the rows stay those before it, so that a page never goes
 * blank. READY, or STALE, puts the snapshot in their place at once.
 */

/** What a list is before its first event. */
export const emptyList = Object.freeze({ rows: Object.freeze([]), status: 'INITIALIZING' });

/** The list after an event; the same object, if the event changes nothing. */
export function applyEvent(list, event, orderBy) {
  const { rows, staged } = list;
  const { status } = event;
  if (status === 'INITIALIZING') return { rows, status, staged: { isFirst: true } };
  if (status) {
    if (staged) return { rows: complete(staged, orderBy), status };
    return status === list.status ? list : { rows, status };
  }
  const [id, row] = changeOf(event);
  // A chain, for it takes one step to make longer, and shares what came before.
  if (staged) return { ...list, staged: { id, row, before: staged } };
  const next = row ? withRow(rows, row, orderBy) : rows.filter((other) => other.id !== id);
  return { ...list, rows: next };
}

/** The key that an event is about, and its row, unless that is gone. */
export function changeOf(event) {
  let key;
  for (const [name, value] of Object.entries(event)) {
    if (value?.id !== undefined) return [value.id, value]; // the row; no other member has an id
    if (!NO_KEYS.has(name) && typeof value === 'string') key = value;
  }
  if (key === undefined) throw new Error(`Select the row's id in this event: ${event.__typename}`);
  return [key];
}

const NO_KEYS = new Set(['__typename', 'cause', 'cursor']);

function complete(staged, orderBy) {
  const changes = [];
  for (let change = staged; !change.isFirst; change = change.before) changes.push(change);
  const rows = new Map();
  for (const { id, row } of changes.reverse()) {
    if (row) rows.set(id, row);
    else rows.delete(id);
  }
  const all = [...rows.values()];
  return orderBy ? all.sort((a, b) => compareRows(a, b, orderBy)) : all;
}

function withRow(rows, row, orderBy) {
  const place = rows.findIndex(({ id }) => id === row.id);
  if (!orderBy && place >= 0) return rows.map((other, index) => (index === place ? row : other));
  const others = rows.filter((_, index) => index !== place);
  const next = orderBy ? others.findIndex((other) => compareRows(row, other, orderBy) < 0) : -1;
  others.splice(next < 0 ? others.length : next, 0, row);
  return others;
}

/** The order of the server's pages: by a field, then by the key; rows without a value come last. */
function compareRows(a, b, orderBy) {
  const [first, second] = [a[orderBy], b[orderBy]];
  return (
    (first == null) - (second == null) || compare(first ?? 0, second ?? 0) || compare(a.id, b.id)
  );
}

function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}
