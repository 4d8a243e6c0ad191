/**
 * Boots a `gateway-<i>` thread: accounts, tokens, HTTP and the sockets on one uWebSockets.js listener. Holds native handles, so
 * this thread is never terminated: its end is the end of the process, and `stop` is the orderly way out.
 */
import {
  type Accounts,
  createAccounts,
  type DmP,
  type GuildP,
  pad,
  type Store,
  type StreamP,
  type UserP,
} from '../channels/index.ts';
import {
  attachHttp,
  CachingTokenVerifier,
  createHttpApp,
  createTokenIssuer,
  createVoiceDemo,
  type GatewayHandle,
  KeyRing,
  parentsRefused,
  RateTable,
  RevokedLogins,
  type StreamInfo,
  setTracePolicy,
  startGateway,
  traceHttp,
} from '../gateway/index.ts';
import {
  type Booted,
  type ChildSpec,
  child,
  systemClock as clock,
  entity,
  name,
  systemRng as rng,
  startSupervisor,
} from '../runtime/index.ts';
import type { RoomP } from '../voice/index.ts';
import { publishSessions } from './admin/tree-publisher.ts';
import { sessionsOf } from './admin/tree-sessions.ts';
import { callerOf } from './caller.ts';
import { connectToStore } from './connect-store.ts';
import { GATEWAY_CONTROL, GatewayControl, type GatewayControlP } from './gateway-control.ts';
import { healthOf } from './health.ts';
import type { Logger } from './log.ts';
import { metricsPage, readMetricsPage } from './metrics/page.ts';
import type { CounterTree, SlotMeasures, ThreadSources } from './metrics/types.ts';
import { NodeState } from './node-state.ts';
import { connectionsMaxOf } from './open-files.ts';
import { openSlot } from './open-slot.ts';
import { DRAIN_SHARE, limitsFactor, NODE_NAME, OBSERVER_RESTARTS } from './policies.ts';
import { startRemoteAdmin } from './remote-admin.ts';
import type { GatewayArg } from './slot-args.ts';
import { voiceDoor } from './voice/door.ts';

/** What the sockets and HTTP of one thread share. */
interface Parts {
  readonly arg: GatewayArg;
  readonly log: Logger;
  readonly store: Store;
  readonly keys: KeyRing;
  readonly accounts: Accounts;
  readonly revoked: RevokedLogins;
  readonly verifier: CachingTokenVerifier;
  readonly rates: RateTable;
}

/** Starts the thread's tree; resolves when the port is open. */
export async function boot(arg: GatewayArg): Promise<Booted> {
  let sources: Required<ThreadSources> = { counters: () => ({}), measures: () => ({}) };
  const read = { counters: () => sources.counters(), measures: () => sources.measures() };
  const { agent, log } = await openSlot(arg, read, (sampling) => setTracePolicy(sampling, clock));
  const parts = await makeParts(arg, log.logger);
  const started = await startSockets(parts);
  const { gateway } = started;
  sources = started.sources;
  agent.offer({ gateway });
  let drained: Promise<void> | undefined;
  const drain = (): Promise<void> => {
    drained ??= gateway.drain(arg.config.stopTimeoutMs * DRAIN_SHARE);
    return drained;
  };
  publishSessions(sessionsOf(gateway, clock));
  const control = { gateway, drain, keys: parts.keys, log: log.logger };
  const named = { name: name<GatewayControlP>(GATEWAY_CONTROL) };
  await startSupervisor({ children: [child(GATEWAY_CONTROL, GatewayControl, control, named)] });
  await startSupervisor({ ...OBSERVER_RESTARTS, children: [pageOf(arg)] });
  return {
    async stop() {
      await drain();
      await gateway.close();
      log.flush();
    },
  };
}

function pageOf({ config, databasePath, startedAt, version }: GatewayArg): ChildSpec {
  return metricsPage({ dataDir: config.dataDir, databasePath, startedAt, version, clock });
}

async function makeParts(arg: GatewayArg, log: Logger): Promise<Parts> {
  const { config } = arg;
  const { instanceId, refreshSecret } = arg.keys;
  const store = connectToStore(arg.readers);
  const keys = await KeyRing.open(arg.keys.keySet);
  const revoked = new RevokedLogins({ clock });
  const accounts = createAccounts({
    docs: store.docs,
    clock,
    rng,
    slotNumber: arg.slotNumber,
    serverSecret: Buffer.from(refreshSecret, 'base64url'),
    registration: config.registration,
    accessTokenTtlMs: config.accessTokenTtlS * 1000,
    refreshTokenTtlMs: config.refreshTokenTtlS * 1000,
  });
  for (const { login, until } of await accounts.revokedLogins()) revoked.add(login, until);
  return {
    arg,
    log,
    store,
    keys,
    accounts,
    revoked,
    verifier: new CachingTokenVerifier({ keys, instanceId, clock, revoked }),
    rates: new RateTable(arg.rateTable, { clock, factor: limitsFactor(config.limits) }),
  };
}

function makeHttp({ accounts, arg, keys, log, rates, store, verifier }: Parts) {
  const { config, startedAt, version } = arg;
  const { instanceId } = arg.keys;
  const state = new NodeState(arg.state);
  return createHttpApp({
    accounts,
    guild: (gid, id) => callerOf<GuildP>(entity('guild', gid), id),
    dm: (sid, id) => callerOf<DmP>(entity('dm', sid), id),
    user: (uid, id) => callerOf<UserP>(entity('user', uid), id),
    stream: (sid, id) => callerOf<StreamP>(entity('stream', sid), id),
    ...(config.voice.mode === 'off'
      ? {}
      : { room: (sid, id) => callerOf<RoomP>(entity('room', sid), id) }),
    docs: store.docs,
    streamInfo: async (sid) => (await store.docs.get<StreamInfo>('stream', [pad(sid)]))[0]?.value,
    verifier,
    issuer: createTokenIssuer({ keys, instanceId, ttlS: config.accessTokenTtlS, clock }),
    jwks: () => keys.jwks(),
    rateTable: rates,
    health: () => healthOf({ state, version, startedAt, clock }),
    ready: () => state.isReady,
    metrics: readMetricsPage,
    publicUrl: config.publicUrl,
    corsOrigins: config.corsOrigins,
    version,
    clock,
    rng,
    log,
    voiceDemo: createVoiceDemo({ clock, log }),
  });
}

interface Started {
  readonly gateway: GatewayHandle;
  readonly sources: Required<ThreadSources>;
}

/** The sockets, and what they and those beside them count and measure. */
async function startSockets(parts: Parts): Promise<Started> {
  const { log, rates, revoked, store, verifier } = parts;
  const { config } = parts.arg;
  const http = makeHttp(parts);
  let adapter: ReturnType<typeof attachHttp> | undefined;
  const { version } = parts.arg;
  const door = { verifier, revoked, rates, clock, log };
  const voice = voiceDoor(config);
  const admin = await startRemoteAdmin(config, { ...door, nodeName: NODE_NAME, version });
  const gateway = await startGateway({
    host: config.host,
    port: config.port,
    ...(config.tlsCert !== null && config.tlsKey !== null
      ? { tls: { certFile: config.tlsCert, keyFile: config.tlsKey } }
      : {}),
    allowedOrigins: [config.publicUrl, ...config.corsOrigins],
    verifier,
    revoked,
    rates,
    limitsFactor: limitsFactor(config.limits),
    attachHttp: (app) => {
      admin?.attach(app);
      adapter = attachHttp(app, traceHttp(http.fetch), { clock, log });
    },
    clock,
    rng,
    log,
    nodeName: NODE_NAME,
    durability: store.log.durability,
    ...(voice === undefined ? {} : { voice }),
    replayMax: config.replayMax,
    gatewayThreads: config.gatewayThreads,
    connectionsMax: connectionsMaxOf(config.gatewayThreads),
  });
  const counters = (): CounterTree => {
    const { timings: _, ...sockets } = gateway.metrics();
    return {
      gateway: sockets,
      ...(admin === undefined ? {} : { admin: { ...admin.stats } }),
      http: { ...http.stats(), ...adapter?.stats() },
      tokens: { ...verifier.stats(), revokedOverflows: revoked.overflows },
      rates: rates.stats(),
      traceParents: { refused: parentsRefused() },
    };
  };
  const measures = (): SlotMeasures => ({
    sockets: gateway.measures(),
    routes: http.measures(),
    refusals: rates.refusals(),
  });
  return { gateway, sources: { counters, measures } };
}
