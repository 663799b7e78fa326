/** The head of the page: how the connection stands, and the form for a token. */

import { currentToken, useToken } from './token.mjs';

const TITLE = document.title;
const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const [pill, lost, lostText, form, formText, input, tryNow] = [
  ...['connection', 'lost', 'lost-text', 'token', 'token-text', 'token-input', 'try-now'],
].map((id) => document.getElementById(id));

export class Banner {
  isConnected = false;
  #lostAt = null;

  /** @param {() => void} connect connects again, with the current token */
  constructor(connect) {
    tryNow.onclick = connect;
    form.onsubmit = (event) => {
      event.preventDefault();
      useToken(input.value.trim());
      form.reset();
      form.hidden = true;
      connect();
    };
  }

  /** @param {'connecting' | 'connected' | 'lost' | 'refused'} state of the connection */
  showConnection(state) {
    this.isConnected = state === 'connected';
    if (state === 'lost') this.#lostAt ??= new Date();
    else if (state !== 'connecting') this.#lostAt = null;
    const isLost = this.#lostAt !== null;

    if (isLost) show(pill, 'Reconnecting…', 'old');
    else if (state === 'connecting') show(pill, 'Connecting…', 'wait');
    else if (state === 'refused') show(pill, 'Token needed', 'bad');

    lost.hidden = !isLost;
    if (isLost) {
      const time = timeOfDay.format(this.#lostAt);
      show(lostText, `The connection was lost at ${time}. What you see may be old.`);
    }
    if (state === 'refused') {
      this.askForToken(
        currentToken()
          ? 'The server refuses the token, or it has expired.'
          : 'The server answers only those who have a token.',
      );
    }
  }

  /** @param {string} reason why another one is of use */
  askForToken(reason) {
    show(formText, reason);
    form.hidden = false;
    input.focus();
  }

  /**
   * Say how the tables are while there is a connection, and in the title what is wrong, for those
   * who look at another tab.
   *
   * @param {{tone: string, label: string}} overall
   */
  showTables({ tone, label }) {
    if (this.isConnected) show(pill, label, tone);
    const isWell = this.isConnected && (tone === 'good' || tone === 'wait');
    const title = isWell ? TITLE : `${pill.textContent} · ${TITLE}`;
    if (document.title !== title) document.title = title;
  }
}

/** Leave a text that is the same: it would be read out again. */
function show(element, text, tone) {
  if (element.textContent !== text) element.textContent = text;
  if (tone) element.dataset.tone = tone;
}
