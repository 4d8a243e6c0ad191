/** How vitest runs the tests; `npm test` (native/setup/tests.mjs) adds the reporter behind its last line. */
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { SLOW_FILES, sharingTests, TestOrder } from './native/test-plan/index.ts';

const FOLDERS = [
  'runtime',
  'channels',
  'voice',
  'gateway',
  'supervisors',
  'native',
  'bench',
  'client',
  'web',
  'conformance',
];
const ROOT = fileURLToPath(new URL('.', import.meta.url));
const TOGETHER = sharingTests(ROOT, FOLDERS).filter((path) => !SLOW_FILES.has(path));

export default defineConfig({
  test: {
    pool: 'forks',
    // On two cores the default is one: most tests wait for processes, sockets and timers.
    maxWorkers: 3,
    // The threads that tests start need not load the type stripper.
    execArgv: ['--import', new URL('native/type-cache.mjs', import.meta.url).href],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    sequence: { sequencer: TestOrder },
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: [`{${FOLDERS.join(',')}}/**/*.test.ts`],
          exclude: [...configDefaults.exclude, ...TOGETHER],
        },
      },
      {
        extends: true,
        // A process for each file costs 0.3 s of a core, more than these files need.
        test: { name: 'together', include: TOGETHER, isolate: false },
      },
    ],
  },
});
