/**
 * The metrics whose names are a promise: those that the field expects, and those that dashboards and alerts are built on
 * (supervisors/ops). Declarations only; gateway threads, loaded at the first scrape.
 */
import type { RuntimeCounters } from '../../runtime/index.ts';
import { processFamilies } from './process-families.ts';
import type {
  Family,
  HistogramSample,
  Labels,
  NodeView,
  Sample,
  SlotMeasures,
  ThreadReport,
} from './types.ts';
import { voiceFamilies } from './voice-families.ts';

type ReadThread<T> = (report: ThreadReport, slot: string) => readonly T[];

/** Samples of all threads that answered. */
function fromThreads<T>(read: ReadThread<T>): (view: NodeView) => T[] {
  return ({ threads }) =>
    threads.flatMap(({ slot, report }) => (report === undefined ? [] : read(report, slot)));
}

function fromMeasures<T>(read: (measures: SlotMeasures, slot: string) => readonly T[]) {
  return fromThreads((report, slot) => read(report.measures, slot));
}

function one(labels: Labels, value: number): readonly Sample[] {
  return [{ labels, value }];
}

function eachOf(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([key, value]) => ({ labels: { [label]: key }, value }));
}

function numbersOf(
  report: ThreadReport,
  part: string,
): Readonly<Record<string, number>> | undefined {
  return report.counters[part] as Readonly<Record<string, number>> | undefined;
}

/** One value of a part's counters with the name of its thread. */
function perThread(part: string, field: string): (view: NodeView) => Sample[] {
  return fromThreads((report, thread) => {
    const numbers = numbersOf(report, part);
    return numbers === undefined ? [] : one({ thread }, numbers[field] ?? 0);
  });
}

const http: readonly Family[] = [
  {
    name: 'http_requests_total',
    type: 'counter',
    help: 'HTTP requests by method, pattern of the route and status. Route none: there was no such route.',
    read: fromMeasures(({ routes = [] }) =>
      routes.flatMap(({ method, route, statuses }) =>
        Object.entries(statuses).map(([status, value]) => {
          return { labels: { method, route, status }, value };
        }),
      ),
    ),
  },
  {
    name: 'http_request_duration_seconds',
    type: 'histogram',
    help: 'Time from the whole request to its answer, by method and pattern of the route.',
    read: fromMeasures(({ routes = [] }): HistogramSample[] =>
      routes.map(({ method, route, timeS }) => ({ labels: { method, route }, data: timeS })),
    ),
  },
  {
    name: 'jwt_validations_total',
    type: 'counter',
    help: 'Access tokens checked, by verdict: ok, expired, forged, revoked.',
    read: fromThreads((report) => {
      const tokens = report.counters.tokens as
        | { readonly results?: Readonly<Record<string, number>> }
        | undefined;
      return eachOf('result', tokens?.results ?? {});
    }),
  },
  {
    name: 'rate_limit_hits_total',
    type: 'counter',
    help: 'Requests, frames and connections refused, by the limit that was reached.',
    read: fromMeasures(({ refusals = {} }) => eachOf('limit', refusals)),
  },
];

const sockets: readonly Family[] = [
  {
    name: 'websocket_connections',
    type: 'gauge',
    help: 'Open WebSocket connections of each gateway thread.',
    read: perThread('gateway', 'connectionsNow'),
  },
  {
    name: 'websocket_connections_opened_total',
    type: 'counter',
    help: 'WebSocket connections accepted by each gateway thread.',
    read: perThread('gateway', 'accepted'),
  },
  {
    name: 'channel_members',
    type: 'gauge',
    help: 'Subscriptions by the size of the audience: to streams with at most so many followers on one gateway thread. No stream is named.',
    read: fromMeasures(({ sockets: measured }) =>
      (measured?.followers ?? []).map(({ upTo, followers }) => {
        return { labels: { audience: upTo }, value: followers };
      }),
    ),
  },
  {
    name: 'driftway_streams_followed',
    type: 'gauge',
    help: 'Streams (channels, guild views, inboxes) that sockets follow, by the size of the audience on one gateway thread.',
    read: fromMeasures(({ sockets: measured }) =>
      (measured?.followers ?? []).map(({ upTo, streams }) => {
        return { labels: { audience: upTo }, value: streams };
      }),
    ),
  },
  {
    name: 'driftway_append_seconds',
    type: 'histogram',
    help: 'Time from an APPEND on a socket to its answer: lane, stream, commit and back.',
    read: fromMeasures(({ sockets: measured }) =>
      measured === undefined ? [] : [{ labels: {}, data: measured.appendS }],
    ),
  },
  {
    name: 'driftway_fanout_delay_seconds',
    type: 'histogram',
    help: 'Age of a commit, since its stream accepted the last event, when it arrives at a gateway thread.',
    read: fromMeasures(({ sockets: measured }) =>
      measured === undefined ? [] : [{ labels: {}, data: measured.arrivalS }],
    ),
  },
  {
    name: 'driftway_fanout_recipients',
    type: 'histogram',
    help: 'Sockets of a gateway thread that one commit is for.',
    read: fromMeasures(({ sockets: measured }) =>
      measured === undefined ? [] : [{ labels: {}, data: measured.audience }],
    ),
  },
  {
    name: 'driftway_fanout_deliveries_total',
    type: 'counter',
    help: 'Frames times sockets that each gateway thread has published.',
    read: perThread('gateway', 'deliveries'),
  },
];

/** Of a map from codes to counts, which has no entry before the first. */
function byCode(name: string, field: string, help: string): Family {
  const read = fromThreads((report, thread): Sample[] => {
    const { [field]: counts = {} } = (report.counters.gateway ?? {}) as CodeCounts;
    return Object.entries(counts).map(([code, value]) => ({ labels: { thread, code }, value }));
  });
  return { name, type: 'counter', help, read };
}

type CodeCounts = Readonly<Record<string, Readonly<Record<string, number>>>>;

const codes: readonly Family[] = [
  byCode(
    'driftway_gateway_errors_by_code',
    'errorsByCode',
    'ERR frames that each gateway thread has sent, by code of the protocol.',
  ),
  byCode(
    'driftway_gateway_closed_by_code',
    'closedByCode',
    'WebSocket connections that ended, by close code.',
  ),
];

const messages: readonly Family[] = [
  {
    name: 'messages_processed_total',
    type: 'counter',
    help: 'Events given to streams, by what became of them: stored, duplicate, refused, unavailable (502), unknown (501).',
    read: fromThreads((report) => {
      const counts = numbersOf(report, 'streams');
      if (counts === undefined) return [];
      const { events = 0, duplicates = 0, refused = 0, unknown = 0 } = counts;
      const unavailable = (counts.overflow ?? 0) + (counts.unavailable ?? 0);
      return eachOf('result', {
        stored: events,
        duplicate: duplicates,
        refused,
        unavailable,
        unknown,
      });
    }),
  },
  {
    name: 'driftway_store_commit_seconds',
    type: 'histogram',
    help: 'Time of one transaction of the store, its fsync included.',
    read: fromMeasures(({ store }) =>
      store === undefined ? [] : [{ labels: {}, data: store.commitS }],
    ),
  },
  {
    name: 'driftway_store_commit_changes',
    type: 'histogram',
    help: 'Changes that shared one transaction of the store.',
    read: fromMeasures(({ store }) =>
      store === undefined ? [] : [{ labels: {}, data: store.changes }],
    ),
  },
  ...(['waiting', 'waitingBytes'] as const).map(
    (field): Family => ({
      name: field === 'waiting' ? 'driftway_store_queue_requests' : 'driftway_store_queue_bytes',
      type: 'gauge',
      help: `${field === 'waiting' ? 'Changes' : 'Bytes of changes'} that wait for the store to write them.`,
      read: fromMeasures(({ store }) =>
        store?.writer === undefined ? [] : one({}, store.writer[field]),
      ),
    }),
  ),
  {
    name: 'driftway_store_healthy',
    type: 'gauge',
    help: '1 while the store can write, 0 after a fault until it is open again.',
    read: fromMeasures(({ store }) =>
      store === undefined ? [] : one({}, store.writer?.healthy === true ? 1 : 0),
    ),
  },
];

const actors: readonly Family[] = [
  {
    name: 'driftway_actors',
    type: 'gauge',
    help: 'Actors of each thread by kind: the type of an entity, or the name of the behaviour.',
    read: fromThreads(({ meters }, thread) =>
      meters.kinds.map(({ kind, actors: value }) => ({ labels: { thread, kind }, value })),
    ),
  },
  {
    name: 'driftway_actor_mailbox_messages',
    type: 'gauge',
    help: 'Messages that wait in the mailboxes of a kind of actor.',
    read: fromThreads(({ meters }, thread) =>
      meters.kinds.map(({ kind, waiting: value }) => ({ labels: { thread, kind }, value })),
    ),
  },
  {
    name: 'driftway_actor_mailbox_depth_max',
    type: 'gauge',
    help: 'Messages in the fullest mailbox of a kind of actor.',
    read: fromThreads(({ meters }, thread) =>
      meters.kinds.map(({ kind, waitingMax: value }) => ({ labels: { thread, kind }, value })),
    ),
  },
  {
    name: 'driftway_supervisor_restarts_total',
    type: 'counter',
    help: 'Restarts by supervisor and child; supervisor entities: crashes of entities by type, which start again with the next message.',
    read: fromThreads(({ meters }, thread) =>
      meters.restarts.map(({ supervisor, child, count: value }) => {
        return { labels: { thread, supervisor, child }, value };
      }),
    ),
  },
  {
    name: 'driftway_scheduler_delay_seconds',
    type: 'histogram',
    help: 'How late a timer of 100 ms comes on a thread: what runs on it keeps messages and sockets waiting as long.',
    read: fromThreads(({ meters }, thread) => [{ labels: { thread }, data: meters.delay }]),
  },
  {
    name: 'driftway_eventloop_active_seconds_total',
    type: 'counter',
    help: 'Time that the event loop of a thread has worked; its rate is the share of a core.',
    read: fromThreads(({ activeMs }, thread) => one({ thread }, activeMs / 1000)),
  },
];

const lanes: readonly Family[] = (
  [
    [
      'driftway_lane_depth_bytes',
      'gauge',
      'bytesInFlight',
      'Bytes on a lane that the other thread has not taken in.',
    ],
    [
      'driftway_lane_messages_total',
      'counter',
      'messagesOut',
      'Messages, replies and signals sent on a lane.',
    ],
    [
      'driftway_lane_dropped_total',
      'counter',
      'dropped',
      'Messages refused at the bound of a lane.',
    ],
  ] as const
).map(([name, type, field, help]) => ({
  name,
  type,
  help,
  read: fromThreads((report, from) => {
    const { lanes: all } = report.counters.runtime as RuntimeCounters;
    return all.map((lane) => ({ labels: { from, to: lane.to }, value: lane[field] }));
  }),
}));

/** Every declared metric. */
export const FAMILIES: readonly Family[] = [
  ...http,
  ...sockets,
  ...codes,
  ...messages,
  ...voiceFamilies,
  ...actors,
  ...lanes,
  ...processFamilies,
];
