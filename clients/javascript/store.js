import { applyEvent, emptyList } from './reducer.js';

/**
 * A list that a source keeps live while somebody looks, by the store contract of Svelte.
 *
 * @param source begins a subscription, `(sink) => end`, and gives `sink.next` each result, or
 *   `sink.error` the reason why there are no more
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
    let stop;
    end = () => {
      isOver = true;
      stop?.();
    };
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

    function fail(reason) {
      if (isOver) return;
      show(errorOf(reason));
      end();
    }

    function next({ data, errors, error }) {
      if (isOver) return;
      if (!data) return fail(error ?? errors);
      try {
        list = applyEvent(list, Object.values(data)[0], orderBy);
      } catch (reason) {
        return fail(reason);
      }
      if (!isScheduled) schedule(show);
      isScheduled = true;
    }

    stop = source({ next, error: fail });
    if (isOver) stop();
  }

  return {
    get current() {
      return shown;
    },
    subscribe(viewer) {
      const view = (value) => viewer(value); // the same function may come twice
      viewers.add(view);
      if (viewers.size === 1) begin();
      viewer(shown);
      return () => {
        viewers.delete(view);
        if (!viewers.size) end();
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

/** Clients fail by an Error, by GraphQL's errors, or by the event of a closed socket. */
export function errorOf(reason) {
  if (reason instanceof Error) return reason;
  const text = Array.isArray(reason)
    ? reason.map(({ message }) => message).join('\n')
    : `The server closed the connection: ${reason?.code} ${reason?.reason}`;
  return new Error(text, { cause: reason });
}
