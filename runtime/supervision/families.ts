/**
 * The supervisors with their functions under one name each, as OTP and Elixir group them. Nothing of its own.
 */
import {
  bounceChild,
  countChildren,
  deleteChild,
  getChildSpec,
  restartChild,
  startChild,
  startDynamicChild,
  terminateChild,
  terminateDynamicChild,
  whichChildren,
} from './admin.ts';
import { checkChildSpecs } from './child-spec.ts';
import { defineDynamicSupervisor, startDynamicSupervisor } from './dynamic-supervisor.ts';
import {
  definePartitionSupervisor,
  partition,
  partitionCount,
  resizePartitions,
  startPartitionSupervisor,
} from './partition-supervisor.ts';
import { defineSupervisor, startSupervisor } from './supervisor.ts';

/** Static supervisors: the functions of the same names, start = startSupervisor, define = defineSupervisor. */
export const Supervisor = {
  define: defineSupervisor,
  start: startSupervisor,
  startChild,
  terminateChild,
  restartChild,
  bounceChild,
  deleteChild,
  getChildSpec,
  whichChildren,
  countChildren,
  checkChildSpecs,
} as const;

/** Dynamic supervisors: start = startDynamicSupervisor, startChild = startDynamicChild and so on. */
export const DynamicSupervisor = {
  define: defineDynamicSupervisor,
  start: startDynamicSupervisor,
  startChild: startDynamicChild,
  terminateChild: terminateDynamicChild,
  getChildSpec,
  whichChildren,
  countChildren,
} as const;

/** Partition supervisors: start = startPartitionSupervisor, name = partition, partitions = partitionCount. */
export const PartitionSupervisor = {
  define: definePartitionSupervisor,
  start: startPartitionSupervisor,
  name: partition,
  partitions: partitionCount,
  resize: resizePartitions,
  whichChildren,
  countChildren,
} as const;
