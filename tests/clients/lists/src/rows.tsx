/** What each list shows: whether it is up to date, and its rows. */

import type { LiveList } from 'graphql-api-client';

export interface Policy {
  id: string;
  name: string | null;
}

export function PolicyRows({ rows, status, error }: LiveList<Policy>) {
  if (error) return <p role="alert">{error.message}</p>;
  return (
    <>
      <p role="status">{status}</p>
      <ul>
        {rows.map(({ id, name }) => (
          <li key={id} id={id}>{name}</li>
        ))}
      </ul>
    </>
  );
}
