import { waitMs } from './wait.js';

/** The codes of errors after which the same subscription may succeed. */
const MAY_PASS = new Set([
  'FEED_UNAVAILABLE',
  'INTERNAL_SERVER_ERROR',
  'RATE_LIMITED',
  'TOO_MANY_OPERATIONS',
]);

/**
 * Follow a subscription; it begins again after an error that may pass.
 *
 * @param source begins a subscription, `(sink) => end`, and gives `sink.next` each result, or
 *   `sink.error` the reason why there are no more
 * @param next takes each event; what it throws ends the subscription
 * @param error takes the Error that has ended it
 * @returns ends it
 */
export function follow(source, next, error) {
  let retries = 0;
  let finish;
  let timer;
  begin();
  return () => {
    clearTimeout(timer);
    finish();
  };

  function begin() {
    let isOver = false;
    let stop;
    finish = () => {
      isOver = true;
      stop?.();
    };

    function fail(reason) {
      if (isOver) return;
      finish();
      if (mayPass(reason)) timer = setTimeout(begin, waitMs(retries++));
      else error(errorOf(reason));
    }

    function take(result) {
      if (isOver) return;
      if (!result.data) return fail(result.error ?? result.errors);
      retries = 0;
      try {
        next(Object.values(result.data)[0]);
      } catch (reason) {
        fail(reason);
      }
    }

    stop = source({
      next: take,
      error: fail,
      complete: () => fail(new Error('The server has ended the subscription.')),
    });
    if (isOver) stop();
  }
}

function mayPass(reason) {
  const errors = reason?.errors ?? reason?.graphQLErrors ?? reason; // Apollo's, urql's, graphql-ws's
  return Array.isArray(errors) && errors.some(({ extensions }) => MAY_PASS.has(extensions?.code));
}

/** Clients fail by an Error, by GraphQL's errors, or by the event of a closed socket. */
function errorOf(reason) {
  if (reason instanceof Error) return reason;
  const text = Array.isArray(reason)
    ? reason.map(({ message }) => message).join('\n')
    : `The server closed the connection: ${reason?.code} ${reason?.reason}`;
  return new Error(text, { cause: reason });
}
