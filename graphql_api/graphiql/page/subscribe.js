import { createClient } from 'graphql-ws';

const SHOWN_EVENTS = 50;
const LONGEST_WAIT_MS = 10_000;
const FORBIDDEN = 4403;

/**
 * A subscription, as an observable of what to show of it: its newest events, the last one first,
 * and how it stands. GraphiQL by itself shows the last event alone, which is gone when the next
 * one comes.
 *
 * It connects again for ever, and goes on where it was, if its events have cursors. Only a refusal
 * by the server ends it.
 *
 * @param {URL} url
 * @param {import('graphql-ws').SubscribePayload} request
 * @param {Record<string, unknown>} [headers] Sent as connection parameters, for a browser can give
 *   a WebSocket no headers.
 */
export function subscribe(url, request, headers) {
  return {
    subscribe(observer) {
      const view = createView(observer);
      let resumption = {};
      const client = createClient({
        url: url.href.replace(/^http/, 'ws'),
        connectionParams: () => ({ ...headers, ...resumption }),
        retryAttempts: Infinity,
        retryWait: (retries) => wait(Math.min(1000 * 2 ** retries, LONGEST_WAIT_MS)),
        shouldRetry: (event) => event?.code !== FORBIDDEN,
        on: {
          connected: () => view.connected(),
          closed: (event) => view.disconnected(event),
          message({ id, type, payload }) {
            if (type !== 'next') return;
            const cursor = Object.values(payload.data ?? {})[0]?.cursor;
            resumption = cursor ? { since: { [id]: cursor } } : {};
          },
        },
      });
      const end = client.subscribe(request, {
        next: (result) => view.add(result),
        error: (reason) => view.fail(reason),
        complete: () => view.complete(),
      });
      return {
        unsubscribe() {
          view.stop();
          end();
          client.dispose();
        },
      };
    },
  };
}

/** What GraphiQL is given to show: at most once for each frame, however many events there are. */
function createView(observer) {
  const newest = [];
  let received = 0;
  let connection;
  let frame;
  let isStopped = false;

  function show(errors) {
    if (isStopped) return;
    cancelAnimationFrame(frame);
    frame = undefined;
    observer.next({ errors, connection, received, newestFirst: newest });
  }

  return {
    add(result) {
      received += 1;
      newest.unshift({ receivedAt: new Date().toISOString(), ...result });
      newest.splice(SHOWN_EVENTS);
      frame ??= requestAnimationFrame(() => show());
    },
    connected() {
      connection = undefined;
    },
    disconnected({ code, reason }) {
      connection = `closed (${`${code} ${reason}`.trim()}), trying again`;
      show();
    },
    /** From now on nothing is shown: the connection is closed because it is not needed. */
    stop() {
      cancelAnimationFrame(frame);
      isStopped = true;
    },
    fail(reason) {
      connection = undefined;
      show(errorsOf(reason));
      this.stop();
      observer.complete();
    },
    complete() {
      if (frame !== undefined) show();
      this.stop();
      observer.complete();
    },
  };
}

/** As graphql-ws has it, a subscription fails by GraphQL's errors, an Error, or a closed socket. */
function errorsOf(reason) {
  if (Array.isArray(reason)) return reason;
  if (reason instanceof Error) return [{ message: reason.message }];
  const { code } = reason;
  const hint =
    code === FORBIDDEN
      ? '; a token goes into the Headers below: {"Authorization": "Bearer …"}'
      : '';
  return [{ message: `The server has closed the connection: ${code} ${reason.reason}${hint}` }];
}

function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
