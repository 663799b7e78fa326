/** The one line about what is wrong, above rows that may be old. */

import { byId, setText } from './dom.mjs';

const [banner, text, tryNow, useToken] = [
  ...['banner', 'banner-text', 'try-now', 'use-token'],
].map(byId);

/**
 * @param {() => void} connect connects again
 * @param {() => void} askForToken
 */
export function wireBanner(connect, askForToken) {
  tryNow.onclick = connect;
  useToken.onclick = askForToken;
}

/** @param {import('./notice.mjs').Notice} notice */
export function showBanner(notice) {
  banner.hidden = notice === null;
  if (notice === null) return;
  setText(text, notice.text);
  banner.dataset.tone = notice.tone;
  tryNow.hidden = notice.action !== 'try';
  useToken.hidden = notice.action !== 'token';
}
