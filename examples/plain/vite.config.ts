import { defineConfig } from 'vite';

const server = process.env['GRAPHQL_API'] ?? 'http://127.0.0.1:8000';

export default defineConfig({
  server: { proxy: { '/graphql': { target: server, ws: true } } },
  build: { rolldownOptions: { input: ['index.html', 'live-page.html'] } },
});
