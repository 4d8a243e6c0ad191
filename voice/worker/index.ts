/** Media workers: the pool and the contract. Exports only. */
export { createMediaPool, type PoolParts } from './pool.ts';
export type * from './types.ts';
