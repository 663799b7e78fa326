/** What the lists show: whether they are up to date, and their rows. */

import type { PolicyPage } from './policies';

export function PolicyRows({ page }: { page: PolicyPage }) {
  return (
    <>
      <p role="status">{page.status}</p>
      <ul>
        {page.items.map((policy) => (
          <li key={policy.id} id={policy.id}>{policy.name}</li>
        ))}
      </ul>
    </>
  );
}
