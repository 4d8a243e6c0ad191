/** Clone-all mode passes the suite of actors (runtime.md 4, own cases): the same tests with every payload copied. */
import { afterAll, describe } from 'vitest';
import { configureRuntime } from '../index.ts';

configureRuntime({ payloads: 'clone' });
afterAll(() => configureRuntime({ payloads: 'share' }));

describe('clone-all: core', async () => {
  await import('./core.test.ts');
});
describe('clone-all: signals', async () => {
  await import('./signals.test.ts');
});
describe('clone-all: rules of signals', async () => {
  await import('./signals-rules.test.ts');
});
