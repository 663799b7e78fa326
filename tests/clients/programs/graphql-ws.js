/** Plain graphql-ws. */

import { createSocketClient, serve } from './serve.js';

const client = createSocketClient();

await serve((request, tell) =>
  client.subscribe(request, {
    next: ({ data, errors }) => tell(errors ? { errors } : { data }),
    error: (error) => tell({ errors: [error].flat().map(String) }),
    complete: () => tell({ completed: true }),
  }),
);
