/**
 * Counters of one gateway thread, one for every bound and refusal of the socket side. A plain object
 * that the HTTP layer reads for /metrics. Runs on gateway threads; never holds names or content.
 */
import type { ShedClass } from '../channels/index.ts';
import { GatewayTimings } from './timings.ts';

/** Bounds of admission.ts. */
export type AdmissionBound =
  | 'connections'
  | 'handshakes'
  | 'unauthenticated'
  | 'connectRate'
  | 'openPerAddress'
  | 'resumeFailures';

/** All counters only grow, except the ones named `...Now`. */
export interface GatewayMetrics {
  connectionsNow: number;
  unauthenticatedNow: number;
  topicsNow: number;
  subscriptionsNow: number;
  laggingNow: number;
  replaysNow: number;
  replaysWaitingNow: number;
  /** Sum of backlogs at the last sweep. */
  backlogBytesNow: number;
  accepted: number;
  identified: number;
  identifyFailed: number;
  resumed: number;
  resumeFailed: number;
  refusedProtocol: number;
  refusedOrigin: number;
  refusedRate: number;
  refusedFull: number;
  refusedDraining: number;
  /** What refusedRate and refusedFull were for. */
  refusedByBound: Record<AdmissionBound, number>;
  /** 4508 by this thread's own count; the user entity's are in closedByCode only. */
  refusedPerUser: number;
  framesIn: number;
  framesRefused: number;
  framesBad: number;
  requests: number;
  errors: number;
  errorsByCode: Record<number, number>;
  heldOverflows: number;
  streamsOverLimit: number;
  adminOps: number;
  publishes: number;
  publishedFrames: number;
  publishedOversize: number;
  /** Sum over frames, not over deliveries. */
  publishedBytes: number;
  sweepRounds: number;
  deliveries: number;
  flushes: number;
  gathered: number;
  sliceTurns: number;
  slicesForced: number;
  transcoded: number;
  chunks: number;
  chunksStale: number;
  pullTimeouts: number;
  pullsAbandoned: number;
  /** SUBs that wait for a place among the replays from the log, that had to wait, that gave up (502). */
  subsWaitingNow: number;
  subsQueued: number;
  subsGivenUp: number;
  joins: number;
  holes: number;
  holesGivenUp: number;
  heldDropped: number;
  ownersLost: number;
  epochChanges: number;
  topicsAbandoned: number;
  strayPublishes: number;
  /** Notices (frames without seq) by class: given to a native topic; dropped under pressure; nobody joined. */
  noticesPublished: Record<ShedClass, number>;
  noticesShed: Record<ShedClass, number>;
  noticesUnheard: Record<ShedClass, number>;
  noticesOversize: number;
  /** TYPEs within 8 s of another, or beyond the bound of what is remembered. */
  typesIgnored: number;
  /** Connections with a member window; leaves that this thread shows. */
  windowsNow: number;
  leavesNow: number;
  /** MWIN frames given to native topics; put off under pressure. */
  leavesPublished: number;
  leavesShed: number;
  /** Windows opened anew after the end of a guild; leaves not followed at the bound of a connection. */
  windowsReopened: number;
  usersToldAgain: number;
  windowsCut: number;
  /** UNREADs sent to sockets that left lag mode, and times that what was kept for them was dropped. */
  unreadsRefreshed: number;
  unreadsForgotten: number;
  /** Casts of own-markers.ts. */
  ownMarkersTold: number;
  /** Sessions in voice rooms, and those rooms. */
  voiceMembersNow: number;
  voiceRoomsNow: number;
  /** VOICE by what became of it: sent; nobody there; the membership unknown; dropped for a socket that lags. */
  voiceSent: number;
  voiceUnsent: number;
  voiceUnheard: number;
  voiceShed: number;
  /** Changes of a roster that an answer has told already. */
  voiceStale: number;
  /** Events beyond those that may wait for the answer of a join. */
  voiceHeldOverflows: number;
  /** Memberships without a connection that were forgotten: their time was over, or there were too many. */
  voiceForgotten: number;
  /** Rooms that ended with members in them. */
  voiceRoomsLost: number;
  /** shedding.ts: 0 to 3, and the seconds spent above 0. */
  shedLevelNow: number;
  shedSeconds: number;
  lagEntered: number;
  lagLeft: number;
  dropsNoticed: number;
  closedSlow: number;
  closedStuck: number;
  closedOverTotal: number;
  closedForced: number;
  repliesQueued: number;
  queueOverflows: number;
  closedByCode: Record<number, number>;
  handlerErrors: number;
  /** No counters: see timings.ts. */
  readonly timings: GatewayTimings;
}

/** Fresh counters, all zero. */
export function createMetrics(): GatewayMetrics {
  return { ...socketZeros(), ...streamZeros(), timings: new GatewayTimings() };
}

/** Connections, requests and their bounds. */
function socketZeros() {
  return {
    connectionsNow: 0,
    unauthenticatedNow: 0,
    topicsNow: 0,
    subscriptionsNow: 0,
    laggingNow: 0,
    replaysNow: 0,
    replaysWaitingNow: 0,
    backlogBytesNow: 0,
    accepted: 0,
    identified: 0,
    identifyFailed: 0,
    resumed: 0,
    resumeFailed: 0,
    refusedProtocol: 0,
    refusedOrigin: 0,
    refusedRate: 0,
    refusedFull: 0,
    refusedDraining: 0,
    refusedByBound: {
      connections: 0,
      handshakes: 0,
      unauthenticated: 0,
      connectRate: 0,
      openPerAddress: 0,
      resumeFailures: 0,
    },
    refusedPerUser: 0,
    framesIn: 0,
    framesRefused: 0,
    framesBad: 0,
    requests: 0,
    errors: 0,
    errorsByCode: {},
    heldOverflows: 0,
    streamsOverLimit: 0,
    adminOps: 0,
    lagEntered: 0,
    lagLeft: 0,
    dropsNoticed: 0,
    closedSlow: 0,
    closedStuck: 0,
    closedOverTotal: 0,
    closedForced: 0,
    repliesQueued: 0,
    queueOverflows: 0,
    closedByCode: {},
    handlerErrors: 0,
  };
}

/** Streams, replays and notices. */
function streamZeros() {
  return {
    publishes: 0,
    publishedFrames: 0,
    publishedOversize: 0,
    publishedBytes: 0,
    sweepRounds: 0,
    deliveries: 0,
    flushes: 0,
    gathered: 0,
    sliceTurns: 0,
    slicesForced: 0,
    transcoded: 0,
    chunks: 0,
    chunksStale: 0,
    pullTimeouts: 0,
    pullsAbandoned: 0,
    subsWaitingNow: 0,
    subsQueued: 0,
    subsGivenUp: 0,
    joins: 0,
    holes: 0,
    holesGivenUp: 0,
    heldDropped: 0,
    ownersLost: 0,
    epochChanges: 0,
    topicsAbandoned: 0,
    strayPublishes: 0,
    noticesPublished: byClass(),
    noticesShed: byClass(),
    noticesUnheard: byClass(),
    noticesOversize: 0,
    typesIgnored: 0,
    windowsNow: 0,
    leavesNow: 0,
    leavesPublished: 0,
    leavesShed: 0,
    windowsReopened: 0,
    usersToldAgain: 0,
    windowsCut: 0,
    unreadsRefreshed: 0,
    unreadsForgotten: 0,
    ownMarkersTold: 0,
    voiceMembersNow: 0,
    voiceRoomsNow: 0,
    voiceSent: 0,
    voiceUnsent: 0,
    voiceUnheard: 0,
    voiceShed: 0,
    voiceStale: 0,
    voiceHeldOverflows: 0,
    voiceForgotten: 0,
    voiceRoomsLost: 0,
    shedLevelNow: 0,
    shedSeconds: 0,
  };
}

function byClass(): Record<ShedClass, number> {
  return { typing: 0, presence: 0, receipt: 0, unread: 0, voice: 0 };
}
