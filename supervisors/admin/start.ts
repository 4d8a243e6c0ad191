/**
 * Starts the admin side of a node: the Unix socket and the place where gateway threads bring connections from outside. Light:
 * everything with weight is loaded when the first connection comes. Main thread.
 */
import { join } from 'node:path';
import { AdminClose } from '../../gateway/admin-wire/index.ts';
import type { ChildSpec, NodeHandle } from '../../runtime/index.ts';
import { systemClock, systemRng } from '../../runtime/index.ts';
import type { Config } from '../config.ts';
import type { KeyMaterial } from '../keys.ts';
import type { Logger } from '../log.ts';
import { sendsAdminTokensPlain } from '../remote-admin.ts';
import type { Tracing } from '../tracing/collector.ts';
import type { VoiceControl } from '../voice/control.ts';
import { type AdminCounters, createAdminCounters } from './counters.ts';
import { ADMIN_LIMITS } from './limits.ts';
import type { LocalServer } from './local-server.ts';
import { refuse } from './refuse.ts';
import { RemoteHub, type RemoteOptions } from './remote.ts';
import { ReportFeed } from './reports.ts';
import type { AdminService } from './service.ts';
import type { TreeModel } from './tree-types.ts';
import { listenOnUnix, type UnixListener } from './unix-socket.ts';

/** What the admin side is given. */
export interface AdminOptions {
  readonly config: Config;
  readonly nodeName: string;
  readonly version: string;
  readonly startedAt: number;
  readonly log: Logger;
  /** Stops the server in order; returns at once. */
  readonly leave: (why: string) => void;
  readonly replaceKeys: (keySet: KeyMaterial['keySet']) => void;
  readonly tree: TreeModel;
  readonly tracing: Tracing;
  readonly voice: Pick<VoiceControl, 'look' | 'wake'>;
}

/** The admin side of a running node. Made before the threads, so that no report is missed. */
export class AdminSide {
  readonly reports = new ReportFeed(ADMIN_LIMITS.reportsKept);
  readonly counters: AdminCounters = createAdminCounters();
  readonly #options: AdminOptions;
  #node: NodeHandle | undefined;
  #readers: readonly string[] = [];
  #service: Promise<AdminService> | undefined;
  #local: Promise<LocalServer> | undefined;
  readonly #remote: RemoteHub;
  #listener: UnixListener | undefined;

  constructor(options: AdminOptions) {
    this.#options = options;
    const { counters } = this;
    const openSession: RemoteOptions['openSession'] = async (transport, caller) => {
      const [service, { AdminSession }] = await Promise.all([
        this.service(),
        import('./session.ts'),
      ]);
      const onAuth = transport.auth.bind(transport);
      return new AdminSession(service, transport, caller, onAuth);
    };
    this.#remote = new RemoteHub({ counters, openSession, log: options.log, clock: systemClock });
  }

  /** The actor for connections that gateway threads bring. */
  hub(): ChildSpec {
    return this.#remote.child();
  }

  /** Opens the socket. A folder that takes none is a warning: the chat does not depend on it. */
  async start(node: NodeHandle, readers: readonly string[]): Promise<void> {
    this.#node = node;
    this.#readers = readers;
    const { config, log } = this.#options;
    const path = join(config.dataDir, 'admin.sock');
    if (sendsAdminTokensPlain(config)) {
      log.warn(
        'ADMIN is on without TLS: tokens of admins cross the network as plain text unless a proxy adds it',
      );
    }
    try {
      this.#listener = await listenOnUnix(path, (socket) => {
        // For its whole life: one that is gone before HTTP has it, or after HTTP has refused it, must not end the process.
        socket.on('error', (error) => log.debug({ err: error }, 'an admin connection failed'));
        this.#localServer().then(
          (server) => server.take(socket),
          (error: unknown) => {
            log.error({ err: error }, 'the admin side could not be loaded');
            refuse(socket, '503 Service Unavailable', 'unavailable');
          },
        );
      });
    } catch (error) {
      log.warn({ err: error, path }, 'the admin socket could not be opened');
    }
  }

  /** Ends every connection and removes the socket. Idempotent. */
  async close(): Promise<void> {
    this.#listener?.close();
    this.#listener = undefined;
    const local = await this.#local;
    local?.close();
    await this.#remote.close(AdminClose.DRAINING);
  }

  /** The verbs and topics; loaded by the first call. */
  service(): Promise<AdminService> {
    this.#service ??= this.#load().catch((error: unknown) => {
      this.#service = undefined;
      throw error;
    });
    return this.#service;
  }

  #localServer(): Promise<LocalServer> {
    this.#local ??= Promise.all([this.service(), import('./local-server.ts')]).then(
      ([service, { createLocalServer }]) => createLocalServer(service),
    );
    this.#local.catch(() => {
      this.#local = undefined;
    });
    return this.#local;
  }

  async #load(): Promise<AdminService> {
    const { config, log } = this.#options;
    const node = this.#node;
    if (node === undefined) throw new TypeError('the admin side has not been started');
    const [{ AdminService: Service }, { AuditLog }, { AuditSpill }, { connectToStore }] =
      await Promise.all([
        import('./service.ts'),
        import('./audit.ts'),
        import('./audit-spill.ts'),
        import('../connect-store.ts'),
      ]);
    const { counters, reports } = this;
    const store = connectToStore(this.#readers);
    const spill = new AuditSpill(join(config.dataDir, 'admin-audit.jsonl'));
    const clock = systemClock;
    const audit = new AuditLog({ docs: store.docs, spill, counters, log, clock });
    const parts = { node, store, reports, audit, counters, clock, rng: systemRng };
    return new Service({ ...this.#options, ...parts });
  }
}
