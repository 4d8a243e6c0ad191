/** The test's side of fault-server.ts: starts it and drives it over IPC. Runs in the test process. */
import type { StoreFault } from './fault-store.ts';
import { ServerProcess } from './server-process.ts';

export type FaultCommand =
  | { readonly op: 'terminate'; readonly slot: string }
  | { readonly op: 'killEntity'; readonly entity: string; readonly key: number }
  | { readonly op: 'killNamed'; readonly slot: string; readonly key: string }
  | { readonly op: 'spin'; readonly slot: string; readonly ms: number }
  | { readonly op: 'storeFault'; readonly fault: StoreFault }
  | { readonly op: 'storeFailures' }
  | { readonly op: 'simWrite'; readonly gid: number; readonly from: number; readonly count: number }
  | { readonly op: 'simConnect'; readonly from: number; readonly count: number }
  | { readonly op: 'simStatus'; readonly uid: number; readonly status: 0 | 1 | 2 | 3 }
  | { readonly op: 'slots' };

export type FaultReply =
  | { readonly type: 'done'; readonly id: number; readonly ok: boolean; readonly value: unknown }
  | { readonly type: 'report'; readonly kind: string; readonly text: string }
  | { readonly type: 'fatal'; readonly why: string };

export interface SlotState {
  readonly name: string;
  readonly up: boolean;
  readonly incarnation: number;
}

export class FaultServer {
  readonly process: ServerProcess;
  /** Reports of the runtime: crashes, restarts, hung threads. */
  readonly reports: { readonly kind: string; readonly text: string }[] = [];
  readonly #waiting = new Map<number, (reply: FaultReply & { type: 'done' }) => void>();
  #id = 0;

  private constructor(server: ServerProcess) {
    this.process = server;
    server.child.on('message', (reply: FaultReply) => {
      if (reply.type === 'report') this.reports.push({ kind: reply.kind, text: reply.text });
      else if (reply.type === 'done') {
        this.#waiting.get(reply.id)?.(reply);
        this.#waiting.delete(reply.id);
      } else this.reports.push({ kind: 'fatal', text: reply.why });
    });
  }

  /** With two gateway and two shard threads and trusted limits, unless told otherwise; `place` of one that died. */
  static async start(
    env: Readonly<Record<string, string>> = {},
    place: { readonly port?: number; readonly dataDir?: string } = {},
  ): Promise<FaultServer> {
    const server = await ServerProcess.start({
      ...place,
      args: ['supervisors/test/support/fault-server.ts'],
      ipc: true,
      env: {
        DRIFTWAY_LIMITS: 'trusted',
        DRIFTWAY_GATEWAY_THREADS: '2',
        DRIFTWAY_SHARD_THREADS: '2',
        ...env,
      },
    });
    return new FaultServer(server);
  }

  /** Carries out one command inside the server; rejects with its error. */
  do<T = boolean>(command: FaultCommand): Promise<T> {
    this.#id += 1;
    const id = this.#id;
    return new Promise((resolve, reject) => {
      const { child } = this.process;
      const timer = setTimeout(() => {
        const end = child.signalCode ?? child.exitCode ?? 'lives';
        reject(new Error(`${command.op}: no answer; the process: ${end}`));
      }, 15_000);
      this.#waiting.set(id, (reply) => {
        clearTimeout(timer);
        if (reply.ok) resolve(reply.value as T);
        else reject(new Error(`${command.op}: ${String(reply.value)}`));
      });
      child.send({ id, command });
    });
  }

  /** How often the thread of a slot has been started. */
  async incarnation(slot: string): Promise<number> {
    const slots = await this.do<SlotState[]>({ op: 'slots' });
    const found = slots.find((one) => one.name === slot);
    return found?.up === true ? found.incarnation : 0;
  }

  dispose(): Promise<void> {
    return this.process.dispose();
  }
}
