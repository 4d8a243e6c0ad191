/**
 * One gateway thread put together: listener, connections, sessions, requests, fan-out, lag mode, the
 * sweep, and the way out. Runs on gateway threads, one per thread. What it serves comes by injection;
 * it reads no environment and opens no file but the TLS files.
 */
import type { FanOutP } from '../channels/index.ts';
import { loadUws, type TemplatedApp } from '../native/index.ts';
import { type Ctx, child, defer, name, startSupervisor, stop } from '../runtime/index.ts';
import { SocketLog } from './access-log.ts';
import { Admission } from './admission.ts';
import { Backpressure } from './backpressure.ts';
import { type Connection, type ConnectionHost, Phase } from './connection.ts';
import { Connections, SWEEP_STEP_MS } from './connections.ts';
import { closeConnections, drainConnections } from './drain.ts';
import { FanOut } from './fan-out.ts';
import { FAN_OUT_NAME, FanOutActor, type FanOutBinding } from './fan-out-actor.ts';
import type { GatewayHandle, GatewayOptions } from './gateway-options.ts';
import { HerdPeak, helloFor } from './hello.ts';
import { Listener, type SocketEvents } from './listener.ts';
import { createMetrics, type GatewayMetrics } from './metrics.ts';
import { OwnMarkers } from './own-markers.ts';
import { COHORT_MS, PingCohorts } from './ping-cohorts.ts';
import { PresenceOps } from './presence-ops.ts';
import { Pressure } from './pressure.ts';
import { Close, encodeFrame } from './protocol/index.ts';
import { PULLS_MAX } from './replay.ts';
import { Requests } from './requests.ts';
import { Sessions } from './session.ts';
import { Shedding } from './shedding.ts';
import {
  BACKLOG_TOTAL_BYTES_MAX,
  IDENTIFY_DEADLINE_S,
  IDENTIFYING_MAX_S,
  SILENCE_MAX_S,
  SWEEP_HURRY_BYTES,
} from './socket-limits.ts';
import { Subscriptions } from './subscriptions.ts';
import {
  type AudienceFacts,
  audienceOf,
  type ConnectionFacts,
  connectionsOf,
} from './thread-view.ts';
import { Ticker } from './ticker.ts';
import type { GatewayMeasures } from './timings.ts';
import type { SocketContext } from './types.ts';
import { createUpstream } from './upstream.ts';
import { createVoiceUpstream, VOICE_OUT_NAME, type VoiceOutP } from './upstream-voice.ts';
import { VoiceOps } from './voice-ops.ts';
import { VoiceOut, VoiceOutActor, type VoiceOutBinding } from './voice-out.ts';

const FAN_OUT_TICK_MS = 500;
const OWN_MARKERS_TICK_MS = 250;
const VOICE_TICK_MS = 1000;
const CLOSE_FRAMES_MS = 100;
const RESTART_INTENSITY = 5;
const RESTART_PERIOD_S = 10;

/**
 * Starts the socket side on this thread: the 'fan-out' actor, then the listener.
 * @returns when the port is open
 * @throws GatewayError DRIFT_GATEWAY_LISTEN, DRIFT_GATEWAY_TLS
 */
export async function startGateway(options: GatewayOptions): Promise<GatewayHandle> {
  const gateway = new GatewayThread(options);
  await gateway.start();
  return gateway;
}

class GatewayThread
  implements GatewayHandle, ConnectionHost, FanOutBinding, SocketEvents, VoiceOutBinding
{
  readonly fanOut: FanOut;
  readonly voice: VoiceOut;
  readonly #options: GatewayOptions;
  readonly #metrics = createMetrics();
  readonly shedding = new Shedding();
  readonly presence: PresenceOps;
  readonly #connections = new Connections();
  readonly #admission: Admission;
  readonly #listener: Listener;
  readonly #sessions: Sessions;
  readonly #requests: Requests;
  readonly #ownMarkers: OwnMarkers;
  readonly #voiceOps: VoiceOps;
  readonly #pings: PingCohorts;
  readonly #backpressure: Backpressure;
  readonly #pressure: Pressure;
  readonly #herd = new HerdPeak();
  readonly #socketLog: SocketLog;
  readonly #ticker: Ticker;
  readonly #startMs: number;
  #ctx: Ctx<FanOutP> | undefined;
  #voiceCtx: Ctx<VoiceOutP> | undefined;
  #supervisor: Awaited<ReturnType<typeof startSupervisor>> | undefined;
  #isDraining = false;
  /** `publishedBytes` at the end of the last round of the sweep. */
  #sweptBytes = 0;
  #closing: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { clock, limitsFactor, log, rates } = options;
    const metrics = this.#metrics;
    this.#startMs = clock.monotonic();
    this.#socketLog = new SocketLog(clock, log);
    const isDraining = (): boolean => this.#isDraining;
    const nowS = (nowMs?: number): number => this.nowS(nowMs);
    const context = this.#createContext();
    this.#listener = this.#createListener();
    const publish = this.#listener.publish.bind(this.#listener);
    this.fanOut = new FanOut({
      clock,
      metrics,
      log,
      upstream: context.upstream,
      publish,
      shedding: this.shedding,
      replayConcurrency: PULLS_MAX,
      defer,
      nextTurn,
    });
    this.presence = new PresenceOps({
      ...{ clock, metrics, publish, shedding: this.shedding, rng: options.rng },
      upstream: context.upstream.presence,
      topics: this.fanOut.topics,
      connections: () => this.#connections.snapshot(),
    });
    this.#pings = new PingCohorts(publish, () => clock.now());
    const totalBytesMax = BACKLOG_TOTAL_BYTES_MAX / (options.gatewayThreads ?? 1);
    const { fanOut } = this;
    const pings = this.#pings;
    this.#backpressure = new Backpressure({
      fanOut,
      pings,
      metrics,
      totalBytesMax,
      nextTurn,
      nowS,
      lagging: (connection) => this.presence.windows.lag(connection),
      caughtUp: (connection) => this.#caughtUp(connection),
    });
    this.#pressure = new Pressure({ shedding: this.shedding, metrics, stepMs: SWEEP_STEP_MS });
    const { allowedOrigins } = options;
    this.#admission = new Admission({
      rates,
      clock,
      metrics,
      limitsFactor,
      allowedOrigins,
      isDraining,
      connectionsMax: options.connectionsMax ?? Number.POSITIVE_INFINITY,
    });
    this.#sessions = new Sessions({
      context,
      ready: (connection) => this.#ready(connection),
      connections: () => this.#connections.snapshot(),
    });
    const subscriptions = new Subscriptions(context, fanOut);
    const sessions = this.#sessions;
    this.#ownMarkers = new OwnMarkers({ clock, metrics, upstream: context.upstream });
    const ownMarkers = this.#ownMarkers;
    const { presence } = this;
    const { ops: voice, out } = this.#createVoice();
    this.#voiceOps = voice;
    this.voice = out;
    const parts = { context, sessions, subscriptions, ownMarkers, presence, voice };
    this.#requests = new Requests({ ...parts, isDraining, nowS });
    this.#ticker = new Ticker(clock, (task, error) => this.failed(task, error, undefined));
  }

  async start(): Promise<void> {
    this.#supervisor = await startSupervisor({
      strategy: 'oneForOne',
      intensity: RESTART_INTENSITY,
      period: RESTART_PERIOD_S,
      children: [
        child('fan-out', FanOutActor, this, {
          name: name<FanOutP>(FAN_OUT_NAME),
          restart: 'permanent',
        }),
        child(VOICE_OUT_NAME, VoiceOutActor, this, {
          name: name<VoiceOutP>(VOICE_OUT_NAME),
          restart: 'permanent',
        }),
      ],
    });
    try {
      this.#listener.listen();
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#ticker.every('sweep', SWEEP_STEP_MS, () => this.#sweep());
    this.#ticker.every('fan-out', FAN_OUT_TICK_MS, () => this.fanOut.tick());
    this.#ticker.every('presence', FAN_OUT_TICK_MS, () => this.presence.tick());
    this.#ticker.every('own markers', OWN_MARKERS_TICK_MS, () => this.#ownMarkers.tick());
    this.#ticker.every('voice', VOICE_TICK_MS, () => this.voice.tick());
    this.#ticker.every('ping', COHORT_MS, () => this.#pings.tick());
  }

  // -------------------------------------------------------------- GatewayHandle

  get port(): number {
    return this.#listener.port;
  }

  metrics(): GatewayMetrics {
    return this.#metrics;
  }

  measures(): GatewayMeasures {
    return this.#metrics.timings.measures(this.fanOut.topics.values());
  }

  isDraining(): boolean {
    return this.#isDraining;
  }

  connectionsOf(uid: number | null, limit: number): readonly ConnectionFacts[] {
    return connectionsOf(this.#connections.snapshot(), uid, limit, this.nowS());
  }

  audienceOf(sid: number): AudienceFacts | undefined {
    return audienceOf(this.fanOut.topics.get(sid));
  }

  reloadTls(): void {
    this.#listener.reload();
  }

  async drain(windowMs: number): Promise<void> {
    this.#isDraining = true;
    const { clock, rng } = this.#options;
    await drainConnections(this.#connections.snapshot(), windowMs, { clock, rng, nextTurn });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isDraining = true;
    this.#listener.stopListening();
    const left = this.#connections.snapshot();
    await closeConnections(left, nextTurn);
    this.#ticker.close();
    // The close frames get out before their sockets go.
    if (left.length > 0) await this.#pause(CLOSE_FRAMES_MS);
    this.fanOut.close();
    this.#listener.close();
    if (this.#supervisor !== undefined) await stop(this.#supervisor, 'shutdown');
  }

  // -------------------------------------------------------------- FanOutBinding

  bind(ctx: Ctx<FanOutP>): void {
    const isAgain = this.#ctx !== undefined;
    this.#ctx = ctx;
    if (!isAgain) return;
    this.fanOut.rebind();
    this.presence.rebind();
  }

  bindVoice(ctx: Ctx<VoiceOutP>): void {
    const isAgain = this.#voiceCtx !== undefined;
    this.#voiceCtx = ctx;
    if (isAgain) this.voice.rebind();
  }

  closeConn(conn: number, code: number): void {
    this.#connections.get(conn)?.close(code);
  }

  loginRevoked(login: string, untilMs: number): void {
    this.#sessions.loginRevoked(login, untilMs);
  }

  // -------------------------------------------------------------- ConnectionHost

  nowS(nowMs = this.#options.clock.monotonic()): number {
    return Math.floor((nowMs - this.#startMs) / 1000);
  }

  pressed(connection: Connection): void {
    this.#backpressure.pressed(connection);
  }

  /** Everything that a connection has elsewhere ends here; the native socket may live on a little. */
  ending(connection: Connection): void {
    const { closedByCode } = this.#metrics;
    closedByCode[connection.closeCode] = (closedByCode[connection.closeCode] ?? 0) + 1;
    this.#socketLog.ended(connection, this.nowS() - connection.openedS);
    this.fanOut.removeAll(connection);
    this.presence.windows.removeAll(connection);
    this.#backpressure.forget(connection);
    this.#pings.leave(connection);
    this.#ownMarkers.flush(connection);
    this.#voiceOps.ended(connection);
    this.#sessions.ended(connection);
  }

  erred(code: number): void {
    const { errorsByCode } = this.#metrics;
    this.#metrics.errors += 1;
    errorsByCode[code] = (errorsByCode[code] ?? 0) + 1;
  }

  // -------------------------------------------------------------- SocketEvents

  judge(request: Parameters<Admission['judge']>[0]): ReturnType<Admission['judge']> {
    return this.#admission.judge(request);
  }

  opened(connection: Connection): void {
    this.#connections.add(connection);
    this.#metrics.accepted += 1;
    this.#metrics.connectionsNow = this.#connections.size;
    const peak = this.#herd.note(this.#connections.size, this.#options.clock.monotonic());
    const hello = helloFor(this.#options, peak);
    connection.send(encodeFrame(hello, connection.encoding));
  }

  message(connection: Connection, message: Uint8Array, isBinary: boolean): void {
    this.#requests.receive(connection, message, isBinary);
  }

  drained(connection: Connection): void {
    this.#backpressure.drained(connection);
  }

  dropped(connection: Connection): void {
    this.#backpressure.dropped(connection);
  }

  pinged(connection: Connection): void {
    connection.seenS = this.nowS();
    this.#requests.pinged(connection);
  }

  ponged(connection: Connection): void {
    connection.seenS = this.nowS();
  }

  closed(connection: Connection): void {
    this.#connections.remove(connection);
    this.#metrics.connectionsNow = this.#connections.size;
    this.#admission.left(connection.addressKey, connection.uid !== 0);
  }

  failed(handler: string, error: unknown, connection: Connection | undefined): void {
    this.#metrics.handlerErrors += 1;
    this.#options.log.error({ err: error, handler, conn: connection?.no }, 'a handler failed');
    // `dropped` may not close anything (P1): out of every native handler first.
    if (connection !== undefined) nextTurn(() => connection.close(Close.SERVER_ERROR));
  }

  // -------------------------------------------------------------- inside

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setTimeout(resolve, ms);
    });
  }

  #ready(connection: Connection): void {
    this.#admission.identified();
    this.#pings.join(connection);
  }

  #sweep(): void {
    const nowMs = this.#options.clock.monotonic();
    const nowS = this.nowS(nowMs);
    const metrics = this.#metrics;
    this.#pressure.step(nowMs);
    const isHurried = metrics.publishedBytes - this.#sweptBytes > SWEEP_HURRY_BYTES;
    const visit = (connection: Connection): void => this.#visit(connection, nowS);
    if (!this.#connections.step(visit, isHurried)) return;
    this.#sweptBytes = metrics.publishedBytes;
    metrics.sweepRounds += 1;
    this.#pressure.endRound(this.#backpressure.endRound());
  }

  /** Out of lag mode: what was not queued for it is told anew. */
  #caughtUp(connection: Connection): void {
    this.fanOut.ephemeral.unread.refresh(connection);
    this.presence.windows.caughtUp(connection);
  }

  #visit(connection: Connection, nowS: number): void {
    if (connection.isClosing) {
      this.#visitClosing(connection, nowS);
    } else if (isOverdue(connection, nowS)) {
      connection.close(Close.DEADLINE);
    } else {
      this.#sessions.visit(connection);
      this.#backpressure.visit(connection);
    }
  }

  #visitClosing(connection: Connection, nowS: number): void {
    if (connection.isCloseDue(nowS)) {
      this.#metrics.closedForced += 1;
      connection.forceClose();
    } else {
      connection.tryEnd();
    }
  }

  #createContext(): SocketContext {
    const { clock, log, rng, upstream } = this.#options;
    const fanOut = (): Ctx<FanOutP> | undefined => this.#ctx;
    return {
      ...this.#options,
      metrics: this.#metrics,
      upstream: upstream?.(fanOut) ?? createUpstream({ clock, rng, fanOut }),
      log,
    };
  }

  #createVoice(): { readonly ops: VoiceOps; readonly out: VoiceOut } {
    const { clock, limitsFactor, rates, rng, voice, voiceUpstream } = this.#options;
    const rooms = (voiceUpstream ?? createVoiceUpstream)(() => this.#voiceCtx);
    const upstream = () => rooms;
    const out = new VoiceOut({ clock, metrics: this.#metrics, upstream });
    const ops = new VoiceOps({ clock, rng, rates, limitsFactor, out, upstream, port: voice });
    return { ops, out };
  }

  #createListener(): Listener {
    const { attachHttp, host, isExclusive, port, tls } = this.#options;
    return new Listener({
      uws: loadUws(),
      host,
      port,
      tls,
      isExclusive: isExclusive ?? false,
      events: this,
      connectionHost: this,
      attachHttp: attachHttp ?? attachOnlyGw,
    });
  }
}

/** Deadlines of protocol.md 2.6 and H14; a ping or pong counts as much as a message. */
function isOverdue(connection: Connection, nowS: number): boolean {
  if (connection.phase === Phase.READY) return nowS - connection.seenS > SILENCE_MAX_S;
  const maxS = connection.phase === Phase.OPEN ? IDENTIFY_DEADLINE_S : IDENTIFYING_MAX_S;
  return nowS - connection.openedS >= maxS;
}

function attachOnlyGw(app: TemplatedApp): void {
  app.get('/gw', (res) => {
    res.writeStatus('426 Upgrade Required').writeHeader('upgrade', 'websocket').end();
  });
}

function nextTurn(fn: () => void): void {
  setImmediate(fn);
}
