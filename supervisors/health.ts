/**
 * Owns the body of GET /health: what the main thread knows of the threads (NodeHealth), seen from a gateway thread. A main
 * thread that does not answer is itself a finding.
 */
import type { HealthReport, HealthStatus } from '../gateway/index.ts';
import {
  at,
  type ChildSpec,
  type Clock,
  call,
  child,
  defineActor,
  name,
  type Report,
} from '../runtime/index.ts';
import type { HealthLook } from './health-checks.ts';
import type { HealthCheck, HealthChecks } from './health-types.ts';
import type { NodeState } from './node-state.ts';
import { HEALTH_TIMEOUT_MS } from './policies.ts';

/** Name of the actor on the main thread. */
export const NODE_HEALTH = 'node-health';

/** Groups of threads and the check that each belongs to. */
const CHECK_OF = { gateway: 'gateway', shard: 'shards', store: 'store', reader: 'store' } as const;
type Group = keyof typeof CHECK_OF;

export interface NodeHealthP {
  /** Threads that are down at this moment, by name, and what the checks found. */
  look(): NodeLook;
}

export interface NodeLook {
  readonly down: readonly string[];
  readonly checks: HealthChecks;
}

/** Which threads are down; kept by tree.ts from the runtime's reports. Main thread. */
export class DownThreads {
  readonly #down = new Set<string>();

  note(report: Report): void {
    if (report.kind === 'threadDown') this.#down.add(report.thread);
    else if (report.kind === 'threadUp') this.#down.delete(report.thread);
  }

  list(): readonly string[] {
    return [...this.#down];
  }
}

/** What the actor is given. */
export interface NodeHealthArg {
  readonly down: DownThreads;
  readonly checks: HealthLook;
}

const NodeHealth = defineActor<NodeHealthP, NodeHealthArg, NodeHealthArg>({
  name: NODE_HEALTH,
  init: (_ctx, arg) => arg,
  handle: {
    look: async ({ checks, down }) => ({ checks: await checks.read(), down: down.list() }),
  },
});

/** Child that answers /health's question on the main thread. */
export function nodeHealth(arg: NodeHealthArg): ChildSpec {
  return child(NODE_HEALTH, NodeHealth, arg, {
    name: name<NodeHealthP>(NODE_HEALTH),
    restart: 'permanent',
  });
}

export interface HealthQuestion {
  readonly state: NodeState;
  readonly version: string;
  /** Ms since 1970. */
  readonly startedAt: number;
  readonly clock: Pick<Clock, 'now'>;
}

/** The report as api.md has it. Waits for the main thread for a second at most. */
export async function healthOf(question: HealthQuestion): Promise<HealthReport> {
  const { clock, startedAt, state, version } = question;
  const uptimeS = Math.max(0, Math.floor((clock.now() - startedAt) / 1000));
  const checks = await readChecks(state);
  return { status: overall(state, checks), version, uptimeS, checks };
}

async function readChecks(state: NodeState): Promise<HealthChecks> {
  const checks: Record<string, HealthCheck> = {};
  const fine = state.isStarting ? 'starting' : 'ok';
  for (const name of new Set(Object.values(CHECK_OF))) checks[name] = { status: fine };
  try {
    const main = at<NodeHealthP>('main', NODE_HEALTH);
    const look = await call(main, 'look', undefined, { timeoutMs: HEALTH_TIMEOUT_MS });
    const { down } = look;
    Object.assign(checks, state.isStarting ? {} : look.checks);
    for (const slot of down) {
      const check: string | undefined = CHECK_OF[slot.replace(/-\d+$/, '') as Group];
      // The voice thread: its check knows more than that it is down.
      if (check === undefined) continue;
      checks[check] = { status: 'degraded', detail: `${slot} is being restarted` };
    }
  } catch {
    checks.gateway = { status: 'degraded', detail: 'the main thread does not answer' };
  }
  return checks;
}

function overall(state: NodeState, checks: HealthChecks): HealthStatus {
  if (state.isStarting) return 'starting';
  const statuses = Object.values(checks).map(({ status }) => status);
  return statuses.includes('degraded') ? 'degraded' : 'ok';
}
