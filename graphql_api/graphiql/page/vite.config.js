import { defineConfig } from 'vite';

export default defineConfig({
  // The page is at /graphiql and what it loads is below that, wherever a proxy puts the two.
  base: './',
  build: {
    assetsDir: 'graphiql',
    chunkSizeWarningLimit: Infinity, // the editor is large, and loaded once
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      onLog(level, log, report) {
        // GraphiQL's parts say "use client", which means nothing here, some hundred times.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
  logLevel: 'warn',
});
