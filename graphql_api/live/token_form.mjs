/** The form for a token. */

import { byId, setText } from './dom.mjs';
import { currentToken, useToken } from './token.mjs';

const [form, text, input, cancel] = ['token', 'token-text', 'token-input', 'token-cancel'].map(byId);

/** @param {() => void} connect connects again, with the current token */
export function wireTokenForm(connect) {
  form.onsubmit = (event) => {
    event.preventDefault();
    useToken(input.value.trim());
    close();
    connect();
  };
  cancel.onclick = close;
}

/** Ask for another token, because one that allows more is of use. */
export function askForMore() {
  open('A token that allows more replaces the one that is used.', true);
}

/** Ask for a token, because the server has refused the connection. */
export function askAfterRefusal() {
  const reason = currentToken()
    ? 'The server refuses the token, or it has expired.'
    : 'The server answers only those who have a token.';
  open(reason, false);
}

function open(reason, canBeLeft) {
  setText(text, reason);
  cancel.hidden = !canBeLeft;
  form.hidden = false;
  input.focus();
}

function close() {
  form.reset();
  form.hidden = true;
}
