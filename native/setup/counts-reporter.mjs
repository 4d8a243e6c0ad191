/**
 * Owns the counts behind the last line of `npm test`: a vitest reporter that writes them as JSON to DRIFTWAY_TEST_COUNTS.
 * Runs in the vitest process. A file that could not be loaded and an error outside of any test count as failures.
 */
import { writeFileSync } from 'node:fs';

export default class CountsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') counts.passed++;
        else if (state === 'failed') failedHere++;
        else counts.skipped++;
      }
      if (failedHere === 0 && !module.ok()) failedHere = 1;
      counts.failed += failedHere;
    }
    writeFileSync(process.env.DRIFTWAY_TEST_COUNTS, JSON.stringify(counts));
  }
}
