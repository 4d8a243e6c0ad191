/** Helpers for tests of actors. Exports only; no production code imports it. */
export { FakeClock, seededRng, settle } from './fake-clock.ts';
export { explore, SimulationError, simulate, simulationSchedules } from './simulation.ts';
export type * from './simulation-types.ts';
