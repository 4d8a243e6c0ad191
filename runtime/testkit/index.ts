/** Helpers for tests of actors. Exports only; no production code imports it. */
export { FakeClock, seededRng, settle } from './fake-clock.ts';
export {
  type LaneDirection,
  type LaneFault,
  type LaneFaultCounters,
  type LaneFaults,
  type LaneRecord,
  laneFaults,
} from './lane-faults.ts';
export { type Caught, type Probe, type ProbeOptions, probe } from './probe.ts';
export {
  explore,
  SimulationError,
  simulate,
  simulationSchedules,
  simulationTimeoutMs,
} from './simulation.ts';
export type * from './simulation-types.ts';
export { type Runnable, type Stepped, type Stepper, stepper } from './stepper.ts';
