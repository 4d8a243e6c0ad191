/** The messages between smoke.ts and the load process. Types only. */

/** One of the two servers, and how to get in. */
export interface Target {
  readonly kind: 'driftway' | 'bare';
  readonly port: number;
  /** Access token; unused by the bare server. */
  readonly token: string;
}

/** What a process of subscribers measures. */
export interface WatchSpec {
  /** What `open` answered. */
  readonly group: number;
  readonly warmMs: number;
  readonly windowMs: number;
  /** Process whose CPU time counts. */
  readonly serverPid: number;
}

/** What a process of senders does meanwhile. */
export interface SendSpec {
  /** What `openSenders` answered. */
  readonly group: number;
  readonly ratePerRoom: number;
  readonly durationMs: number;
  /** Size of the frame that a bare server's sender sends: that of Driftway's EV. */
  readonly eventBytes: number;
}

export interface SendResult {
  readonly sent: number;
  /** ERR replies. */
  readonly refused: number;
}

export interface WatchResult {
  /** In the window. */
  readonly deliveries: number;
  readonly seconds: number;
  readonly serverCpuUs: number;
  readonly loadCpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly samples: number;
  /** Over warm-up, window and drain. */
  readonly total: number;
  /** Payload size of the event frames seen. */
  readonly eventBytes: number;
}

export type LoadCommand =
  | {
      readonly type: 'open';
      readonly target: Target;
      readonly sids: readonly number[];
      readonly perRoom: number;
    }
  | { readonly type: 'openSenders'; readonly target: Target; readonly sids: readonly number[] }
  | { readonly type: 'watch'; readonly spec: WatchSpec }
  | { readonly type: 'send'; readonly spec: SendSpec }
  | {
      readonly type: 'idle';
      readonly target: Target;
      readonly sids: readonly number[];
      readonly count: number;
    }
  | { readonly type: 'closeIdle' };

export interface LoadReply {
  readonly id: number;
  readonly ok: boolean;
  readonly value: unknown;
}
