/**
 * Owns the counts behind the last line of `npm test` and the list of what failed: a vitest reporter that writes them as JSON to
 * DRIFTWAY_TEST_COUNTS. Runs in the vitest process. A file that could not be loaded and an error outside of any test count as
 * failures.
 */
import { writeFileSync } from 'node:fs';

const MESSAGE_MAX = 300;

export default class CountsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
    const fail = (name, errors) => {
      counts.failed++;
      counts.failures.push(`${name}: ${firstLine(errors)}`);
    };
    for (const error of unhandledErrors) fail('outside of any test', [error]);
    for (const module of modules) {
      const file = module.relativeModuleId;
      const failedBefore = counts.failed;
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === 'passed') counts.passed++;
        else if (state === 'failed') fail(`${file} > ${test.fullName}`, errors);
        else counts.skipped++;
      }
      if (counts.failed === failedBefore && !module.ok()) fail(file, module.errors());
    }
    writeFileSync(process.env.DRIFTWAY_TEST_COUNTS, JSON.stringify(counts));
  }
}

function firstLine(errors) {
  const message = String(errors?.[0]?.message ?? 'no message');
  return message.split('\n', 1)[0].slice(0, MESSAGE_MAX);
}
