/** graphql-transport-ws on one WebSocket, which is opened again for ever and goes on by cursors. */

const SUBPROTOCOL = 'graphql-transport-ws';
/** The close codes for a missing, refused or expired token: the same one would be refused again. */
const REFUSED = [4401, 4403];
/** The codes of errors that another token may solve; the same one gets them again. */
const NOT_ALLOWED = ['FORBIDDEN', 'UNAUTHENTICATED'];
/** How long the server may be silent before it is pinged, and then before it counts as lost. */
const SILENCE_MS = 15_000;
/** A connection that has stood so long was a good one: the next wait is a short one again. */
const GOOD_MS = 5_000;

export const isNotAllowed = ({ code }) => NOT_ALLOWED.includes(code);

/**
 * How long to wait before connecting again: twice as long each time up to half a minute, and by
 * chance up to half of it less, that a server's clients do not all come back at the same moment.
 *
 * @param {number} tries how many have failed already
 * @param {number} chance from 0 to 1
 */
export function waitMs(tries, chance) {
  return Math.min(30_000, 500 * 2 ** Math.min(tries, 10)) * (1 - chance / 2);
}

/**
 * Callbacks for the events of a connection; all are called one after the other, none before `open`.
 *
 * @typedef {object} Listener
 * @property {(state: 'connecting' | 'connected' | 'lost' | 'refused') => void} state
 * @property {(id: string, event: object) => void} event the next event of a subscription
 * @property {(id: string, problem: {code: string, message: string}) => void} problem
 *   the server has ended a subscription; it is begun again later, unless it is not allowed
 */

export class Connection {
  #url;
  #subscriptions;
  #listener;
  #token;
  #WebSocket;
  #cursors = new Map(); // of each subscription's last event
  #running = new Set(); // the ids of what is subscribed to on this socket
  #socket = null; // null while it is waited, and after a refusal
  #timer; // of the next thing to do if nothing happens
  #tries = 0;
  #stoodSince = Infinity;

  /**
   * @param {string | URL} url
   * @param {Map<string, string>} subscriptions documents by their ids, each with one root field
   *   that selects `cursor` in every member of its union
   * @param {Listener} listener
   * @param {{token?: () => string | null, WebSocket?: typeof WebSocket}} options
   */
  constructor(url, subscriptions, listener, options = {}) {
    this.#url = url;
    this.#subscriptions = subscriptions;
    this.#listener = listener;
    this.#token = options.token ?? (() => null);
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
  }

  /** Connect now, instead of the connection that there is or that is waited for. */
  open() {
    this.#leave();
    this.#listener.state('connecting');
    const socket = new this.#WebSocket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    this.#unlessHeard(() => this.#lose());
    socket.onopen = () => this.#initialise();
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = ({ code }) => (REFUSED.includes(code) ? this.#refuse() : this.#lose());
  }

  /** Whether it is waiting to connect again. */
  get isWaiting() {
    return this.#socket === null && this.#timer !== undefined;
  }

  #initialise() {
    const token = this.#token();
    const since = Object.fromEntries(this.#cursors);
    this.#send({
      type: 'connection_init',
      payload: { since, ...(token && { authorization: `Bearer ${token}` }) },
    });
  }

  #take(message) {
    this.#unlessHeard(() => this.#ping());
    switch (message.type) {
      case 'connection_ack':
        this.#stoodSince = Date.now();
        this.#listener.state('connected');
        for (const id of this.#subscriptions.keys()) this.#subscribe(id);
        break;
      case 'next':
        this.#next(message.id, message.payload);
        break;
      case 'error':
        this.#ended(message.id, message.payload[0]);
        break;
      case 'complete':
        this.#ended(message.id, { message: 'The server has ended the subscription.' });
        break;
      case 'ping':
        this.#send({ type: 'pong' });
        break;
    }
  }

  #subscribe(id) {
    this.#running.add(id);
    this.#send({ type: 'subscribe', id, payload: { query: this.#subscriptions.get(id) } });
  }

  #next(id, { data, errors }) {
    if (!this.#running.has(id)) return; // sent before the server heard of its end
    const event = data && Object.values(data)[0];
    if (event) {
      this.#listener.event(id, event);
      this.#cursors.set(id, event.cursor);
    } else {
      this.#send({ type: 'complete', id });
      this.#ended(id, errors[0]);
    }
  }

  #ended(id, { message, extensions }) {
    if (!this.#running.delete(id)) return;
    const code = extensions?.code ?? '';
    const isAllowed = !isNotAllowed({ code });
    if (!isAllowed || code === 'BAD_CURSOR') this.#cursors.delete(id);
    this.#listener.problem(id, { code, message });
    if (isAllowed) {
      const socket = this.#socket;
      const again = () => socket === this.#socket && this.#subscribe(id);
      setTimeout(again, waitMs(3, Math.random()));
    }
  }

  #ping() {
    this.#send({ type: 'ping' });
    this.#unlessHeard(() => this.#lose());
  }

  #lose() {
    if (Date.now() - this.#stoodSince > GOOD_MS) this.#tries = 0;
    this.#leave();
    this.#timer = setTimeout(() => this.open(), waitMs(this.#tries++, Math.random()));
    this.#listener.state('lost');
  }

  #refuse() {
    this.#leave();
    this.#listener.state('refused');
  }

  /** Have nothing more to do with the socket; closing one that is dead takes its time. */
  #leave() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stoodSince = Infinity;
    this.#running.clear();
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  #unlessHeard(act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, SILENCE_MS);
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }
}
