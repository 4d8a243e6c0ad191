/**
 * Driftway's own tree: which threads there are, in which order they start, what the death of each means. Main thread. Contains
 * no mechanism; limits are in policies.ts.
 *
 * Order: store, readers, shards, gateways; stop in reverse. A store, reader or shard thread is replaced; a gateway thread holds
 * native handles that cannot be taken from it, so its death is the death of the process (architecture.md). The voice thread is in
 * standby (voice/README.md): started by the first join, stopped before all others.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createRateTableBuffer } from '../gateway/rates/index.ts';
import {
  at,
  call,
  cast,
  type NodeHandle,
  type Report,
  type SlotOptions,
  type SlotStatus,
  slotsOf,
  startNode,
  startSupervisor,
  systemClock,
  systemRng,
} from '../runtime/index.ts';
import { AgentThread, adminAgent } from './admin/agent.ts';
import { endWordBuffer } from './admin/chaos/end-word.ts';
import { AdminSide } from './admin/start.ts';
import { createTreeModel } from './admin/tree-model.ts';
import { treePublisher } from './admin/tree-publisher.ts';
import type { Config } from './config.ts';
import { GATEWAY_CONTROL, type GatewayControlP } from './gateway-control.ts';
import { DownThreads, nodeHealth } from './health.ts';
import { HealthLook, healthPorts } from './health-checks.ts';
import type { KeyMaterial } from './keys.ts';
import type { Logger } from './log.ts';
import { logTap } from './log-tap.ts';
import { mainCounters } from './metrics/main-counters.ts';
import { ReportCounts } from './metrics/report-counts.ts';
import { threadCounters } from './metrics/thread.ts';
import { THREAD_FLAGS } from './node-flags.ts';
import { NodeState } from './node-state.ts';
import {
  GATEWAY_TO_SHARD,
  HUNG_MS,
  NODE_NAME,
  READERS,
  THREAD_RESTARTS,
  TRACES_FLUSH_MS,
  VOICE_RESTARTS,
  VOICE_STOP_MS,
  YOUNG_MAX_MB,
} from './policies.ts';
import type { GatewayArg, SlotArg, StoreUserArg } from './slot-args.ts';
import { nodeTracing } from './tracing/collector.ts';
import { voiceControl } from './voice/binaries.ts';
import { VOICE_GROUP } from './voice/types.ts';

/** Modules of the kinds of threads; fault tests put their own in. */
export interface SlotModules {
  readonly store: URL;
  readonly reader: URL;
  readonly shard: URL;
  readonly voice: URL;
  readonly gateway: URL;
}

export interface ServerOptions {
  readonly config: Config;
  readonly keys: KeyMaterial;
  readonly version: string;
  readonly modules?: Partial<SlotModules>;
  /** What the runtime reports: crashes, restarts, hung threads. */
  readonly report: (report: Report) => void;
  /** A thread that cannot be replaced is gone, or one that can died too often: the process has to end. */
  readonly fatal: (why: string) => void;
  /** An operator wishes the server to stop in order, as SIGTERM does. */
  readonly leave: (why: string) => void;
  /** The main thread's. */
  readonly log: Logger;
}

/** The running server. */
export interface Server {
  readonly node: NodeHandle;
  /** Hands new keys to all gateway threads. */
  replaceKeys(keySet: KeyMaterial['keySet']): void;
  /** All gateway threads read the TLS files again. */
  reloadTls(): void;
  /** Drains and ends all threads, gateways first. Idempotent. */
  stop(): Promise<void>;
}

/** Group of threads that each type of entity lives on. */
const ENTITIES = {
  stream: 'shard',
  guild: 'shard',
  dm: 'shard',
  user: 'shard',
  room: VOICE_GROUP,
} as const;
const TYPES = Object.keys(ENTITIES);

type Group = keyof SlotModules;

const MODULES: SlotModules = {
  store: new URL('./boot-store.ts', import.meta.url),
  reader: new URL('./boot-reader.ts', import.meta.url),
  shard: new URL('./boot-shard.ts', import.meta.url),
  voice: new URL('./boot-voice.ts', import.meta.url),
  gateway: new URL('./boot-gateway.ts', import.meta.url),
};

/**
 * Starts everything; resolves when all ports are open.
 * @throws what the first thread that could not start threw; nothing is left running then
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const state = new NodeState();
  const down = new DownThreads();
  const startedAt = systemClock.now();
  const replaceKeys: Server['replaceKeys'] = (keySet) =>
    toGateways((slot) => cast(at<GatewayControlP>(slot, GATEWAY_CONTROL), 'replaceKeys', keySet));
  const { config, leave, log, version } = options;
  const facts = { config, nodeName: NODE_NAME, version, startedAt };
  const { rss: memoryBytes } = process.memoryUsage;
  const tree = createTreeModel({ ...facts, clock: systemClock, memoryBytes, types: TYPES, log });
  let slots: () => readonly SlotStatus[] = () => [];
  const tracing = nodeTracing({ ...facts, clock: systemClock, log, slots: () => slots() });
  mainCounters.add('tracing', () => tracing.counters());
  const voice = voiceControl(config.voice, config.dataDir, log);
  const admin = new AdminSide({ ...facts, log, leave, replaceKeys, tree, tracing, voice });
  const reports = new ReportCounts();
  mainCounters.add('admin', () => ({ ...admin.counters, tree: tree.counters() }));
  await startSupervisor({
    children: [
      nodeHealth({ down, checks: new HealthLook(healthPorts(config.dataDir, systemClock, voice)) }),
      voice.spec,
      adminAgent(new AgentThread(systemClock, log)),
      tree.spec,
      treePublisher(),
      admin.hub(),
      logTap(systemClock),
      ...tracing.children,
      threadCounters({
        counters: () => mainCounters.read(),
        measures: () => ({ node: { slots: slots(), reports: reports.read() } }),
      }),
    ],
  });
  const node = await startNode({
    slots: slotsFor(options, state, startedAt),
    entities: ENTITIES,
    lanes: [{ from: 'gateway', to: 'shard', ...GATEWAY_TO_SHARD }],
    restart: THREAD_RESTARTS,
    watchdog: { hungMs: HUNG_MS },
    report: (report) => {
      down.note(report);
      reports.note(report);
      tree.report(report);
      admin.reports.push(report);
      options.report(report);
    },
    execArgv: THREAD_FLAGS,
    fatal: ({ slot, why }) => options.fatal(`${slot}: ${why}`),
  });
  slots = () => node.slots();
  tree.attach(node);
  await admin.start(node, slotsOf('reader'));
  state.setReady();
  voice.begin(node);
  let stopping: Promise<void> | undefined;
  return {
    node,
    replaceKeys,
    reloadTls: () =>
      toGateways((slot) => cast(at<GatewayControlP>(slot, GATEWAY_CONTROL), 'reloadTls')),
    stop: () => {
      state.setStopping();
      voice.close();
      stopping ??= drainGateways(config.stopTimeoutMs)
        .then(() => Promise.all([admin.close(), tracing.close(TRACES_FLUSH_MS)]))
        .then(() => node.stop());
      return stopping;
    },
  };
}

function toGateways(tell: (slot: string) => void): void {
  slotsOf('gateway').forEach(tell);
}

/**
 * All gateway threads leave at once: slots stop one after another, and the second one would go on as if nothing were while the
 * first drains. One that does not answer is the stop's own limit's business.
 */
async function drainGateways(timeoutMs: number): Promise<void> {
  const drain = (slot: string): Promise<null> =>
    call(at<GatewayControlP>(slot, GATEWAY_CONTROL), 'drain', undefined, { timeoutMs });
  await Promise.allSettled(slotsOf('gateway').map(drain));
}

function slotsFor(
  { config, keys, modules, version }: ServerOptions,
  state: NodeState,
  startedAt: number,
): SlotOptions[] {
  const module = { ...MODULES, ...modules };
  const databasePath = join(config.dataDir, 'driftway.db');
  const readerCount =
    availableParallelism() >= READERS.manyFrom ? READERS.manyCores : READERS.fewCores;
  const readers = Array.from({ length: readerCount }, (_, i) => `reader-${i}`);
  const rateTable = createRateTableBuffer(systemRng);
  let slotNumber = 0;
  const base = (slot: string): SlotArg => ({
    config,
    slot,
    slotNumber: slotNumber++,
    databasePath,
    chaos: config.chaosEnabled === 'on' ? endWordBuffer() : null,
  });
  const storeUser = (slot: string): StoreUserArg => ({ ...base(slot), readers });
  const gateway = (slot: string): GatewayArg => ({
    ...storeUser(slot),
    keys,
    rateTable,
    state: state.buffer,
    version,
    startedAt,
  });
  const many = <A>(group: Group, count: number, url: URL, arg: (slot: string) => A) =>
    Array.from({ length: count }, (_, i): SlotOptions => {
      const slot = count === 1 && group === 'store' ? group : `${group}-${i}`;
      const onDown = group === 'gateway' ? 'fatal' : 'restart';
      const youngMaxMb = YOUNG_MAX_MB[group];
      // A shard is what a stuck handler takes down: its replacement waits ready.
      const spare = group === 'shard';
      return { name: slot, group, module: url, arg: arg(slot), onDown, youngMaxMb, spare };
    });
  const inStandby = (slot: SlotOptions): SlotOptions => {
    return { ...slot, standby: VOICE_RESTARTS, stopTimeoutMs: VOICE_STOP_MS };
  };
  return [
    ...many('store', 1, module.store, base),
    ...many('reader', readerCount, module.reader, base),
    ...many('shard', config.shardThreads, module.shard, storeUser),
    ...many(VOICE_GROUP, 1, module.voice, storeUser).map(inStandby),
    ...many('gateway', config.gatewayThreads, module.gateway, gateway),
  ];
}
