/** Tools for tests of voice, also for those of other folders. Exports only. */

export { type Impairment, Relay, type RelayCounts, type RelayOptions } from './relay.ts';
