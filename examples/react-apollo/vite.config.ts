import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const server = process.env['GRAPHQL_API'] ?? 'http://127.0.0.1:8000';

export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/graphql': { target: server, ws: true } } },
  build: { rolldownOptions: { input: ['index.html', 'live-page.html'] } },
});
