/** How vitest runs the tests; `npm test` (native/setup/tests.mjs) adds the reporter behind its last line. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      '{runtime,channels,voice,gateway,supervisors,native,bench,client,web,conformance}/**/*.test.ts',
    ],
    pool: 'forks',
    // On two cores the default is one: most tests wait for processes, sockets and timers.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
