/** The stand-ins of media workers: what operators see when processes come and go. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type AnyRef,
  configureRuntime,
  name,
  processInfo,
  type Report,
  startSupervisor,
  stop,
  whereis,
} from '../runtime/index.ts';
import { settle } from '../runtime/testkit/index.ts';
import { mediaProcesses, showMediaProcesses } from './media-processes.ts';
import type { PoolEvent, PoolStatus } from './worker/types.ts';

let supervisor: AnyRef;
let reports: Report[];

beforeEach(async () => {
  reports = [];
  configureRuntime({ report: (report) => reports.push(report) });
  supervisor = await startSupervisor({ children: [mediaProcesses(2)] });
});

afterEach(async () => {
  await stop(supervisor, 'shutdown');
});

const SLOTS = [0, 1];
const refs = (): AnyRef[] => SLOTS.map((slot) => whereis(name(`media-worker-${slot}`)) as AnyRef);
const labels = (): unknown[] => refs().map((ref) => processInfo(ref)?.label);

function status(pids: readonly (number | null)[]): PoolStatus {
  const workers = pids.map((pid, slot) => ({
    ...{ slot, pid, port: pid === null ? null : 40_000 + slot },
    ...{ role: slot === 0 ? 'active' : 'spare', state: pid === null ? 'starting' : 'up' },
  }));
  return { workers } as unknown as PoolStatus;
}

async function show(event: Partial<PoolEvent>, pids: readonly (number | null)[]): Promise<void> {
  showMediaProcesses({ level: 'info', what: 'worker_up', slot: 0, ...event }, status(pids));
  await settle();
}

test('media processes: nobody talks, are there in standby', () => {
  expect(labels()).toEqual(['standby', 'standby']);
});

test('media processes: a worker is up, is shown with its process and port', async () => {
  await show({}, [71, null]);
  expect(labels()).toEqual(['active, pid 71, port 40000', 'starting']);
});

test('media processes: a worker died, its stand-in crashes, is restarted, and shows the next one', async () => {
  await show({}, [71, 72]);
  const [before, other] = refs();
  await show({ what: 'worker_died', detail: 'signal SIGKILL' }, [null, 72]);
  await show({}, [73, 72]);
  expect(refs()[0]).not.toBe(before);
  expect(refs()[1]).toBe(other);
  expect(labels()).toEqual(['active, pid 73, port 40000', 'spare, pid 72, port 40001']);
  expect(JSON.stringify(reports)).toContain('{"name":"MediaWorkerDied","message":"signal SIGKILL"');
});

test('media processes: the pool sleeps, all are in standby again', async () => {
  await show({}, [71, 72]);
  await show({ what: 'standby', slot: -1 }, [71, 72]);
  expect(labels()).toEqual(['standby', 'standby']);
});
