/** What the programs for whole requests have in common: they tell what went over the wire. */

import { createHash } from 'node:crypto';

export const [url] = process.argv.slice(2);

const requests = [];

/** fetch, which notes what it sent and got. */
export async function recordingFetch(input, init) {
  const response = await fetch(input, init);
  const sent = new URL(input).searchParams.get('query') ?? init.body ?? '';
  requests.push({
    method: init.method ?? 'GET',
    has_document: /\bfeeds\b/.test(sent),
    status: response.status,
    type: response.headers.get('content-type'),
  });
  return response;
}

/** The requests since the last time. */
export function takeRequests() {
  return requests.splice(0);
}

export const sha256 = (text) => createHash('sha256').update(text).digest('hex');
