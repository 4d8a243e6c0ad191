/** The public API of runtime/. Exports only. */
export { AssertionError, assert } from './assert.ts';
export {
  type Clock,
  defer,
  type Ms,
  type Rng,
  systemClock,
  systemRng,
  type TimerHandle,
} from './clock.ts';
export {
  at,
  call,
  cast,
  configureRuntime,
  defineActor,
  entity,
  exit,
  isAlive,
  name,
  type RuntimeOptions,
  reply,
  send,
  slotOf,
  slotsOf,
  spawn,
  stop,
  thisSlot,
  whereis,
} from './core/api.ts';
export { NOREPLY } from './core/around.ts';
export { describeReport } from './core/describe.ts';
export { formatRef, parseRef } from './core/ref.ts';
export {
  checkResponse,
  type LabelledResponse,
  type RequestId,
  RequestIds,
  type Response,
  receiveResponse,
  reqidsAdd,
  reqidsNew,
  reqidsSize,
  reqidsToList,
  sendRequest,
  waitResponse,
} from './core/requests.ts';
export { cancelTimer, readTimer, sendAfter } from './core/send-after.ts';
export { SnapshotKeeper } from './core/snapshots.ts';
export { IGNORE } from './core/spawn.ts';
export { hostActor } from './core/spawn-at.ts';
export {
  childSpan,
  currentTrace,
  newTraceId,
  onRequestHandled,
  onSpans,
  requestContext,
  requestIdOf,
  Span,
  type SpanKind,
  type SpanLink,
  type SpanOptions,
  type SpanRecord,
  type SpanValue,
  sharedSpan,
  spanCount,
  takeSpans,
  tracing,
  withTrace,
} from './core/trace.ts';
export type { TraceContext } from './core/trace-context.ts';
export { isTraceDrawn, setTraceRatio, traceRatio } from './core/trace-sampler.ts';
export {
  ActorError,
  DriftwayError,
  type DriftwayErrorOptions,
  describeReason,
  type FailReason,
} from './errors.ts';
export * as faults from './faults/index.ts';
export { Histogram, type HistogramData } from './inspect/histogram.ts';
export { counters, processInfo, tree } from './inspect/inspect.ts';
export { type Look, look, subtreeSize } from './inspect/look.ts';
export { type KindLoad, meters, type RestartCount, type RuntimeMeters } from './inspect/meters.ts';
export { actorAt, actorPath } from './inspect/path.ts';
export {
  SAMPLED_FIGURES,
  SAMPLED_STATES,
  type SampledActor,
  type SampledBatch,
  type SampledState,
  Sampler,
} from './inspect/sampler.ts';
export * as sys from './inspect/sys.ts';
export type * from './inspect/types.ts';
export { defineMachine } from './machine/machine.ts';
export type * from './machine/types.ts';
export { type EntityOptions, hostEntity } from './names/entity-host.ts';
export {
  Group,
  type GroupMonitor,
  Groups,
  groups,
  groupsChild,
  startGroups,
} from './names/groups.ts';
export { defineNameService, type NameService, via } from './names/name-service.ts';
export {
  type DispatchFn,
  defineRegistry,
  Registry,
  type RegistryP,
  registry,
  registryAt,
  registryChild,
  startRegistry,
} from './names/registry.ts';
export type * from './names/types.ts';
export {
  bounceChild,
  countChildren,
  deleteChild,
  getChildSpec,
  restartChild,
  type StartDynamicResult,
  startChild,
  startDynamicChild,
  terminateChild,
  terminateDynamicChild,
  whichChildren,
} from './supervision/admin.ts';
export { checkChildSpecs, child } from './supervision/child-spec.ts';
export {
  defineDynamicSupervisor,
  startDynamicSupervisor,
} from './supervision/dynamic-supervisor.ts';
export { DynamicSupervisor, PartitionSupervisor, Supervisor } from './supervision/families.ts';
export {
  definePartitionSupervisor,
  partition,
  partitionCount,
  partitionOf,
  resizePartitions,
  startPartitionSupervisor,
} from './supervision/partition-supervisor.ts';
export { SpecError } from './supervision/spec-fault.ts';
export { defineSupervisor, startSupervisor } from './supervision/supervisor.ts';
export type * from './supervision/types.ts';
export { asyncStream, awaitMany, type Yielded, yieldMany } from './tasks/many.ts';
export { completedTask, Task, task, taskChild } from './tasks/task.ts';
export { startTaskSupervisor, TaskSupervisor, taskSupervisor } from './tasks/task-supervisor.ts';
export type * from './tasks/types.ts';
export { startNode } from './threads/node.ts';
export { whileUnwatched } from './threads/pulse.ts';
export type {
  Booted,
  BootFunction,
  LaneLimits,
  LanePacing,
  NodeFailure,
  NodeHandle,
  NodeOptions,
  SlotOptions,
  SlotStatus,
  ThreadInfo,
  WatchdogOptions,
} from './threads/types.ts';
export type * from './types.ts';
