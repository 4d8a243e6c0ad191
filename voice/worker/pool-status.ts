/**
 * What a pool says of itself. Pure.
 */
import type { Slot } from './slot.ts';
import type { PoolCounters, WorkerStatus } from './types.ts';

export type Counters = { -readonly [K in keyof PoolCounters]: number };

export function noCounters(): Counters {
  return {
    started: 0,
    died: 0,
    hung: 0,
    bindFailures: 0,
    slotsOut: 0,
    roomsOpened: 0,
    roomsLost: 0,
    relocations: 0,
    pipes: 0,
    refused: 0,
    rejected: 0,
    transportsMade: 0,
    transportsConnected: 0,
    producersMade: 0,
    consumersMade: 0,
    advices: 0,
    packets: 0,
  };
}

export function statusOf(slot: Slot, isSpare: boolean): WorkerStatus {
  const { live } = slot;
  const state = slot.state === 'down' ? 'waiting' : slot.state;
  return {
    slot: slot.index,
    role: isSpare ? 'spare' : 'active',
    state: live?.draining === true ? 'draining' : state,
    pid: live?.pid ?? null,
    port: live?.port ?? null,
    cpu: live?.cpu ?? 0,
    rssBytes: live?.rssBytes ?? 0,
    rooms: live?.tenants.length ?? 0,
    transports: live?.transports ?? 0,
    producers: live?.producers ?? 0,
    consumers: live?.consumers ?? 0,
    predictedPps: Math.round(live?.predictedPps ?? 0),
    udpDrops: live?.udpDrops ?? 0,
    deaths: slot.deaths,
    upSinceMs: live?.upSinceMs ?? null,
  };
}
