/**
 * The fuzzer's driver: a real server, the corpus of past finds, then mutated frames and HTTP bodies from a process of
 * their own, all beside a healthy witness (protocol.md 3, last paragraph). Exits with 1 on a find, an error in the
 * log, an end of the server or memory that does not come back; finds are printed and kept as files.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Members, makeMembers } from '../support/crowd.ts';
import { readSettings, runToEnd, Verdict } from '../support/driver.ts';
import { HttpClient } from '../support/http-client.ts';
import { residentMib } from '../support/proc.ts';
import { Seeded } from '../support/seeded.ts';
import { pause, ServerProcess } from '../support/server-process.ts';
import { Witness } from '../support/witness.ts';
import { readCorpus } from './corpus.ts';
import { replay } from './lane.ts';
import type { SeedWorld } from './seeds.ts';
import type { Counts, Find, GeneratorReport, GeneratorTask } from './types.ts';

const settings = readSettings(
  'Usage: npm run fuzz -- [options]\n\nMutated frames and HTTP bodies against a server that it starts, beside a healthy witness.',
  {
    seconds: { short: 60, long: 900, what: 'how long' },
    seed: { short: 0, what: 'seed of the mutations; 0 draws one' },
    lanes: { short: 24, what: 'connections at once' },
    http: { short: 2, what: 'HTTP connections at once' },
    rate: { short: 5000, what: 'frames per second that are wanted' },
    growth: { short: 64, what: 'MiB that the server may keep' },
  },
);

/** Users 0 and 1 are the witness's, 2 owns a guild of its own and sends the fuzz. */
const FUZZ_USER = 2;
/** The server has run in, and its caches are filled, before its memory is looked at. */
const RUN_IN_SHARE = 0.25;
const SETTLE_MS = 3000;
const FINDS_MAX = 20;
const HEX_SHOWN = 120;

const verdict = new Verdict('fuzz');
const finds: Find[] = [];

function found(find: Find): void {
  if (finds.length >= FINDS_MAX) return;
  finds.push(find);
  const { what, encoding, http, hex = http?.hex ?? '' } = find;
  verdict.violation(`${what} ${encoding ?? http?.path ?? ''} ${hex.slice(0, HEX_SHOWN)}`);
}

async function world(server: ServerProcess): Promise<{ members: Members; fuzz: SeedWorld }> {
  const members = await makeMembers(server.port, 3, 1);
  const login = members.logins[FUZZ_USER]!;
  const http = new HttpClient(server.port);
  const { gid, sids } = await http.guild(login.accessToken, 2);
  http.close();
  const fuzz = { token: login.accessToken, uid: Number(login.id), gid, sid: sids[0]! };
  return { members, fuzz };
}

function witnessHost(port: number, members: Members) {
  const token = (user: number): string => members.logins[user]!.accessToken;
  return {
    port,
    token,
    newChannel: async (): Promise<number> => {
      const http = new HttpClient(port);
      const path = `/guilds/${members.gid}/channels`;
      const channel = await http.want<{ id: string }>(201, path, {
        token: token(0),
        body: { name: 'witness' },
      });
      http.close();
      return Number(channel.id);
    },
  };
}

/** Sends the corpus frame by frame; each must end as any mutated frame must. */
async function replayCorpus(port: number, fuzz: SeedWorld): Promise<void> {
  const { files, entries, requests } = readCorpus(fuzz);
  const chance = new Seeded(1);
  for (const { file, encoding, payload } of entries) {
    const options = {
      port,
      token: fuzz.token,
      seeds: [],
      encoding,
      chance,
      judged: () => {},
      connected: () => {},
      found: (find: Find) => found({ ...find, what: `corpus ${file}: ${find.what}` }),
    };
    await replay(options, payload);
  }
  const http = new HttpClient(port);
  for (const { method, path, body } of requests) {
    const headers = { 'content-type': 'application/json' };
    const call = { method, token: fuzz.token, body: Buffer.from(body), headers };
    const { status } = await http.raw(path, call);
    if (status >= 500) found({ what: `corpus ${path}: HTTP status ${status}` });
  }
  http.close();
  verdict.progress(`corpus: ${entries.length + requests.length} payloads of ${files} files`);
}

const NOTHING: Counts = { mp: 0, json: 0, http: 0, connections: 0, outcomes: {} };

/** Runs the generator process for its time; resolves with the last counts. */
async function generate(server: ServerProcess, task: GeneratorTask): Promise<Counts> {
  let counts = NOTHING;
  let baseline = 0;
  const child = fork(new URL('./generator.ts', import.meta.url), { stdio: 'inherit' });
  child.on('message', (report: GeneratorReport) => {
    if (report.type === 'counts') counts = report.counts;
    else if (report.type === 'find') found(report.find);
    else verdict.violation(`generator: ${report.why}`);
  });
  child.send(task);
  const step = Math.max(1, Math.round(settings.seconds / 12));
  for (let second = 0; second < settings.seconds; second += step) {
    await pause(Math.min(step, settings.seconds - second) * 1000);
    const rss = residentMib(server.serverPid);
    if (baseline === 0 && second + step >= settings.seconds * RUN_IN_SHARE) baseline = rss;
    const frames = counts.mp + counts.json;
    verdict.progress(
      `${frames} frames, ${counts.http} bodies, ${counts.connections} connections, RSS ${rss.toFixed(0)} MiB`,
    );
    if (server.child.exitCode !== null || server.child.signalCode !== null) break;
  }
  child.disconnect();
  await pause(SETTLE_MS);
  const rss = residentMib(server.serverPid);
  verdict.figure('memory kept', rss - baseline, 'MiB', settings.growth);
  return counts;
}

function printCounts(counts: Counts): void {
  const frames = counts.mp + counts.json;
  verdict.figure('frames judged', frames);
  verdict.figure('of them JSON', counts.json);
  verdict.speed('rate', frames / settings.seconds, 'frames/s', settings.rate);
  verdict.figure('HTTP bodies answered', counts.http);
  verdict.figure('connections', counts.connections);
  const outcomes = Object.entries(counts.outcomes).sort(([, a], [, b]) => b - a);
  console.log(`   outcomes: ${outcomes.map(([what, count]) => `${what} ${count}`).join(', ')}`);
}

/** Lines of the log that no hostile client may cause. */
function errorsInLog(server: ServerProcess): string[] {
  return server
    .output()
    .split('\n')
    .filter((line) => /"level":[56]0|nhandled/.test(line));
}

/** Each find as a file of the corpus. */
function keepFinds(seed: number): void {
  if (finds.length === 0) return;
  const folder = mkdtempSync(join(tmpdir(), 'driftway-finds-'));
  const text = (hex: string): string => Buffer.from(hex, 'hex').toString('utf8');
  for (const [i, { what, encoding, hex = '', http }] of finds.entries()) {
    const frame = encoding === 'json' ? { json: [text(hex)] } : { mp: [hex] };
    const request = http && {
      http: [{ method: http.method, path: http.path, body: text(http.hex) }],
    };
    const file = { why: `${what} (seed ${seed})`, ...(request ?? frame) };
    writeFileSync(join(folder, `find-${i}.json`), `${JSON.stringify(file, null, 2)}\n`);
  }
  console.log(`finds are in ${folder}`);
}

const { seed } = settings.seed === 0 ? Seeded.forTest('fuzz') : new Seeded(settings.seed);
const server = await ServerProcess.start({
  env: { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted' },
});

async function run(): Promise<void> {
  const { members, fuzz } = await world(server);
  const witness = await Witness.start(witnessHost(server.port, members), 'fuzz-witness');
  await replayCorpus(server.port, fuzz);
  const { lanes, http: httpLanes } = settings;
  printCounts(await generate(server, { port: server.port, world: fuzz, seed, lanes, httpLanes }));
  const { exitCode, signalCode } = server.child;
  if (exitCode !== null || signalCode !== null) {
    const end = server.output().slice(-4000);
    verdict.violation(`the server ended: ${exitCode ?? signalCode}\n${end}`);
  } else for (const wrong of await witness.verdict()) verdict.violation(`witness: ${wrong}`);
  for (const line of errorsInLog(server)) verdict.violation(`log: ${line}`);
  keepFinds(seed);
}

await runToEnd(verdict, { run, dispose: () => server.dispose() });
