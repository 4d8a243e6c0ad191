/**
 * Turns the counters of the threads into metrics by themselves: `gateway.framesIn` of gateway-0 becomes
 * `driftway_gateway_frames_in{thread="gateway-0"}`. What a part counts needs no line here to be seen. Pure; gateway threads, at a scrape.
 */
import type { Family, Labels, Sample, ThreadView } from './types.ts';

/** Levels, not counts: they may fall. Everything named `...Now` is one too. */
const LEVELS = new Set([
  'driftway_runtime_actors',
  'driftway_runtime_calls_pending',
  'driftway_runtime_lanes_bytes_in_flight',
  'driftway_tokens_cached',
  'driftway_http_inflight',
  'driftway_http_streams_known',
  'driftway_presence_rows',
  'driftway_store_waiting',
  'driftway_store_waiting_bytes',
  'driftway_store_wal_bytes',
]);

/** What the first part of a path stands for. */
const PARTS: Readonly<Record<string, string>> = {
  runtime: 'Actor runtime of the thread',
  gateway: 'Sockets of the gateway thread',
  http: 'HTTP of the gateway thread',
  tokens: 'Access tokens on the gateway thread',
  rates: 'Rate table of the process, as each gateway thread sees it',
  streams: 'Streams of the shard thread',
  guilds: 'Guilds and DMs of the shard thread',
  notices: 'Markers, unread notices and mentions of the shard thread',
  presence: 'Presence and member lists of the shard thread',
  store: 'Writer of the store',
  admin: 'Admin side',
  agent: 'Acts of operators on the thread',
  tracing: 'Spans of the thread',
  voice: 'Rooms of the voice thread',
  media: 'Media workers of the voice thread',
};

interface Found {
  readonly path: readonly string[];
  readonly samples: Sample[];
}

/** One family per name; a thread without an answer has `driftway_thread_up 0`. */
export function counterFamilies(threads: readonly ThreadView[]): Family[] {
  const byName = new Map<string, Found>();
  for (const { slot, report } of threads) {
    if (report !== undefined) collect(byName, [], { thread: slot }, report.counters);
  }
  return [...byName].map(([name, { path, samples }]): Family => {
    const type = isLevel(name) ? 'gauge' : 'counter';
    return { name, type, help: helpOf(path, type), read: () => samples };
  });
}

function isLevel(name: string): boolean {
  return name.endsWith('_now') || LEVELS.has(name);
}

/** Numbers at any depth; elements of arrays are told apart by their `to` field or index, codes by their number. */
function collect(
  byName: Map<string, Found>,
  path: readonly string[],
  labels: Labels,
  value: unknown,
): void {
  if (typeof value === 'number') {
    const name = ['driftway', ...path.map(snake)].join('_');
    const found = byName.get(name) ?? { path, samples: [] };
    found.samples.push({ labels, value });
    byName.set(name, found);
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      const to = (item as { readonly to?: unknown } | null)?.to;
      collect(byName, path, { ...labels, to: typeof to === 'string' ? to : String(i) }, item);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (/^\d+$/.test(key)) collect(byName, path, { ...labels, code: key }, inner);
      else collect(byName, [...path, key], labels, inner);
    }
  }
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
}

function helpOf(path: readonly string[], type: 'counter' | 'gauge'): string {
  const [part = '', ...rest] = path;
  const words = (text: string): string => snake(text).replaceAll('_', ' ');
  const what = rest.length === 0 ? words(part) : rest.map(words).join(', ');
  const where = rest.length === 0 ? 'Thread' : (PARTS[part] ?? words(part));
  const text = `${where}: ${what.replace(/ now$/, '')}${type === 'counter' ? ' since its start' : ' now'}.`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}
