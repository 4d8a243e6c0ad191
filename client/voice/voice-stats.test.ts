/** What is read out of reports as Chromium 141 gives them. */
import { expect, test } from 'vitest';
import { readChecks } from './voice-stats.ts';

const transport = { type: 'transport', selectedCandidatePairId: 'pair' };

test('readChecks: checks of the way in use, those behind the first answer too', () => {
  const pair = { requestsSent: 1, consentRequestsSent: 9, responsesReceived: 4 };
  const other = { type: 'candidate-pair', requestsSent: 50 };
  const report = Object.entries({ transport, other, pair: { type: 'candidate-pair', ...pair } });
  expect(readChecks(report)).toEqual({ sent: 10, answered: 4 });
});

test('readChecks: no way yet, or a browser that does not count, null', () => {
  expect(readChecks([])).toBeNull();
  expect(readChecks(Object.entries({ transport, pair: { type: 'candidate-pair' } }))).toBeNull();
});
