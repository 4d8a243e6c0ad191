/** What a gateway thread is given, and what it gives its thread. Types only. */
import type { FanOutP } from '../channels/index.ts';
import type { TemplatedApp } from '../native/index.ts';
import type { Clock, Ctx, Rng } from '../runtime/index.ts';
import type { RevokedLogins, TokenVerifier } from './auth/index.ts';
import type { TlsFiles } from './listener.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { RateTable } from './rates/index.ts';
import type { AudienceFacts, ConnectionFacts } from './thread-view.ts';
import type { GatewayMeasures } from './timings.ts';
import type { GatewayLog, Upstream } from './types.ts';
import type { VoiceOutP, VoiceUpstream } from './upstream-voice.ts';
import type { VoicePort } from './voice-ops.ts';

/** Options of startGateway. */
export interface GatewayOptions {
  readonly host: string;
  /** 0 = any free one; see GatewayHandle.port. */
  readonly port: number;
  /** https and wss instead of http and ws. */
  readonly tls?: TlsFiles;
  /** Do not share the port, not even with other threads (tests, P16). Default false. */
  readonly isExclusive?: boolean;
  /** Exact origins that browsers may come from (protocol.md 2.2); `*` = any. */
  readonly allowedOrigins: readonly string[];
  readonly verifier: TokenVerifier;
  readonly revoked: RevokedLogins;
  readonly rates: RateTable;
  /** 1, or TRUSTED_FACTOR for `LIMITS=trusted`. */
  readonly limitsFactor: number;
  /** Attaches the HTTP routes (http/); called before each listen. Without it only `GET /gw` is answered. */
  readonly attachHttp?: (app: TemplatedApp) => void;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: GatewayLog;
  /** Name in HELLO, at most 64 bytes. */
  readonly nodeName: string;
  /** 0 memory, 1 survives death of the process, 2 fsynced, 3 quorum. */
  readonly durability: number;
  readonly replayMax: number;
  /** Gateway threads of this process: shares of process-wide bounds. Default 1. */
  readonly gatewayThreads?: number;
  /** Most open connections of this thread; default none. */
  readonly connectionsMax?: number;
  /** Connections per second that this thread can take in, for herd_ms. Default 500. */
  readonly acceptsPerS?: number;
  /** Entities; default: through the runtime. */
  readonly upstream?: (fanOut: () => Ctx<FanOutP> | undefined) => Upstream;
  /** Voice; absent: this server has none, V_JOIN is ERR 502. */
  readonly voice?: VoicePort;
  /** Rooms; default: through the runtime. */
  readonly voiceUpstream?: (out: () => Ctx<VoiceOutP> | undefined) => VoiceUpstream;
}

/** A running gateway thread. */
export interface GatewayHandle {
  /** Port that is listened on. */
  readonly port: number;
  /** Counters; the same object always. */
  metrics(): GatewayMetrics;
  /** What is measured beside the counters. O(streams that are followed). */
  measures(): GatewayMeasures;
  /** True from drain() on. */
  isDraining(): boolean;
  /** Open connections of a user, of everybody for null; at most `limit`. O(connections). */
  connectionsOf(uid: number | null, limit: number): readonly ConnectionFacts[];
  /** Who listens to a stream here; undefined: nobody. O(subscribers). */
  audienceOf(sid: number): AudienceFacts | undefined;
  /** New certificate for new connections. Throws GatewayError DRIFT_GATEWAY_TLS, then nothing has changed. */
  reloadTls(): void;
  /** Sends all clients away within `windowMs`, refuses new ones meanwhile. Then call close(). */
  drain(windowMs: number): Promise<void>;
  /** Stops listening, closes what is left with 4001, ends the native server. Idempotent. */
  close(): Promise<void>;
}
