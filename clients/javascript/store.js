import { follow } from './follow.js';
import { applyEvent, emptyList } from './reducer.js';

/**
 * A list that a source keeps live while somebody looks, by the store contract of Svelte.
 *
 * @param source as `follow` takes it
 * @param orderBy the field by which the rows are ordered; without one they are as they came
 */
export function createStore(source, orderBy) {
  const viewers = new Set();
  let list = emptyList;
  let shown = { ...list, error: undefined };
  let end;

  function begin() {
    let isOver = false;
    let isScheduled = false;
    // Rows that were held stay until the new ones are complete.
    list = { ...emptyList, rows: list.rows };
    shown = { ...list, error: undefined };

    function show(error) {
      if (isOver) return;
      const { rows, status } = list;
      isScheduled = false;
      if (rows === shown.rows && status === shown.status && error === shown.error) return;
      shown = { rows, status, error };
      for (const view of viewers) view(shown);
    }

    function next(event) {
      list = applyEvent(list, event, orderBy);
      if (!isScheduled) schedule(show);
      isScheduled = true;
    }

    function fail(error) {
      show(error);
      isOver = true;
    }

    const stop = follow(source, next, fail);
    return () => {
      isOver = true;
      stop();
    };
  }

  return {
    get current() {
      return shown;
    },
    subscribe(viewer) {
      const view = (value) => viewer(value); // the same function may come twice
      viewers.add(view);
      if (viewers.size === 1) end = begin();
      viewer(shown);
      return () => {
        if (viewers.delete(view) && !viewers.size) end();
      };
    },
  };
}

/** Run once for all events of a frame; in a page that is not seen there are no frames. */
function schedule(show) {
  const isSeen = globalThis.document?.visibilityState === 'visible';
  if (isSeen) requestAnimationFrame(() => show());
  else setTimeout(show);
}
