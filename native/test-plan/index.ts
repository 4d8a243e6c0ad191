/** How the test files are run: in which order, and which of them share a process. For vitest.config.ts. */
export { sharingTests } from './kinds.ts';
export { SLOW_FILES, TestOrder } from './order.ts';
