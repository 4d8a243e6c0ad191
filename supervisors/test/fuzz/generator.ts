/**
 * The fuzzer's generator process: all lanes, so that the driver and its witness measure an unburdened event loop.
 * Told over IPC what to attack (types.ts), reports counts twice a second and each find at once; ends with the channel.
 */
import { HttpClient } from '../support/http-client.ts';
import { ENCODINGS } from '../support/raw-client.ts';
import { Seeded } from '../support/seeded.ts';
import { httpTargets, runHttpLane } from './http-lane.ts';
import { runLane } from './lane.ts';
import { seedFrames } from './seeds.ts';
import type { Find, GeneratorReport, GeneratorTask } from './types.ts';

const REPORT_MS = 500;

const send = (report: GeneratorReport): void => {
  process.send?.(report);
};

async function run(task: GeneratorTask): Promise<void> {
  const counts = {
    mp: 0,
    json: 0,
    http: 0,
    connections: 0,
    outcomes: {} as Record<string, number>,
  };
  const count = (outcome: string): void => {
    counts.outcomes[outcome] = (counts.outcomes[outcome] ?? 0) + 1;
  };
  setInterval(() => send({ type: 'counts', counts }), REPORT_MS);
  const found = (find: Find): void => send({ type: 'find', find });
  const seeds = seedFrames(task.world);
  const frames = Array.from({ length: task.lanes }, (_, i) => {
    const encoding = ENCODINGS[i % ENCODINGS.length]!;
    const judged = (outcome: string): void => {
      counts[encoding] += 1;
      count(outcome);
    };
    const connected = (): void => {
      counts.connections += 1;
    };
    const chance = new Seeded(task.seed + i);
    const { port, world } = task;
    return runLane({ port, token: world.token, seeds, encoding, chance, judged, connected, found });
  });
  const http = new HttpClient(task.port);
  const targets = await httpTargets(http);
  const bodies = Array.from({ length: task.httpLanes }, (_, i) => {
    const judged = (status: number): void => {
      counts.http += 1;
      count(`HTTP ${status}`);
    };
    const chance = new Seeded(task.seed - 1 - i);
    return runHttpLane({ http, targets, world: task.world, chance, judged, found });
  });
  await Promise.all([...frames, ...bodies]);
}

process.on('message', (task: GeneratorTask) => {
  run(task).catch((error: unknown) => send({ type: 'failed', why: String(error) }));
});
process.on('disconnect', () => process.exit(0));
