/**
 * The production tree in a process of its own, with a chaos actor on each thread that may die and a store
 * driver that fails on demand. The parent test drives it over IPC (fault-control.ts). No heart, no claims.
 */
import {
  at,
  call,
  cast,
  type Dest,
  describeReport,
  slotsOf,
  systemClock,
} from '../../../runtime/index.ts';
import { loadConfig } from '../../config.ts';
import { processSources } from '../../config-source.ts';
import { openKeys } from '../../keys.ts';
import { openLog } from '../../log.ts';
import { logReport } from '../../report-log.ts';
import { type Server, startServer } from '../../tree.ts';
import { CHAOS, type ChaosP } from './chaos.ts';
import type { FaultCommand, FaultReply } from './fault-control.ts';
import { STORE_FAULT, type StoreFaultP } from './fault-store.ts';
import { SIM_MEMBERS, type SimMembersP } from './sim-members.ts';

const SIM_TIMEOUT_MS = 14_000;

const send = (reply: FaultReply): void => {
  process.send?.(reply);
};

async function start(): Promise<Server> {
  const loaded = loadConfig(processSources({}));
  if (!loaded.ok) throw new Error(loaded.message);
  const { config } = loaded;
  const { dataDir, tokenAlg: alg, accessTokenTtlS } = config;
  const keys = await openKeys({ dataDir, alg, accessTokenTtlS, clock: systemClock });
  const { logger } = openLog({ level: config.logLevel, format: config.logFormat, slot: 'main' });
  return startServer({
    config,
    keys,
    version: 'fault',
    modules: {
      store: new URL('./fault-store.ts', import.meta.url),
      reader: new URL('./fault-reader.ts', import.meta.url),
      shard: new URL('./fault-shard.ts', import.meta.url),
    },
    report: (report) => {
      logReport(logger, report);
      send({ type: 'report', kind: report.kind, text: describeReport(report) });
    },
    fatal: (why) => {
      send({ type: 'fatal', why });
      process.kill(process.pid, 'SIGKILL');
    },
    leave: () => void server.stop().then(() => process.exit(0)),
    log: logger,
  });
}

/** Any shard thread's will do: the users live on all of them. */
function simMembers(): Dest<SimMembersP> {
  return at<SimMembersP>('shard-0', SIM_MEMBERS);
}

async function carryOut(server: Server, command: FaultCommand): Promise<unknown> {
  switch (command.op) {
    case 'terminate':
      server.node.terminateSlot(command.slot);
      return true;
    case 'killEntity': {
      const asked = slotsOf('shard').map((slot) =>
        call(at<ChaosP>(slot, CHAOS), 'killEntity', { type: command.entity, key: command.key }),
      );
      return (await Promise.all(asked)).includes(true);
    }
    case 'killNamed':
      return call(at<ChaosP>(command.slot, CHAOS), 'killNamed', command.key);
    case 'spin':
      cast(at<ChaosP>(command.slot, CHAOS), 'spin', command.ms);
      return true;
    case 'storeFault':
      await call(at<StoreFaultP>('store', STORE_FAULT), 'set', command.fault);
      return true;
    case 'storeFailures':
      return call(at<StoreFaultP>('store', STORE_FAULT), 'failures');
    case 'simWrite':
      await call(simMembers(), 'write', command, { timeoutMs: SIM_TIMEOUT_MS });
      return true;
    case 'simConnect':
      return call(simMembers(), 'connect', command, { timeoutMs: SIM_TIMEOUT_MS });
    case 'simStatus':
      return call(simMembers(), 'setStatus', command);
    case 'slots':
      return server.node.slots();
  }
}

const server = await start();
process.on('message', (message: { id: number; command: FaultCommand }) => {
  carryOut(server, message.command).then(
    (value) => send({ type: 'done', id: message.id, ok: true, value }),
    (error: unknown) => send({ type: 'done', id: message.id, ok: false, value: String(error) }),
  );
});
// An orphan must not stay behind when the test process is killed.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
