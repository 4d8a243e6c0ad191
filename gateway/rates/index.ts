/** Rate limits shared by all threads: the table, the limits, the hash behind both. Loads nothing native. Exports only. */
export { type HashKey, KeyedHash } from './keyed-hash.ts';
export * from './limits.ts';
export * from './rate-table.ts';
