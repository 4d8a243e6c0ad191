/**
 * What one room has on one worker: its router there, and the load that it puts on the worker. Voice thread.
 */
import type { Router } from 'mediasoup/types';
import { ROUTER_CODECS } from './caps.ts';
import type { LiveWorker, Tenant } from './live-worker.ts';
import { attempt, done } from './result.ts';
import type { MediaResult } from './types.ts';

export class Leg {
  readonly live: LiveWorker;
  readonly router: Router;
  /** Transports, feeds and pipes to other nodes that are on it. */
  attached = 0;
  #pps: number;
  #closed = false;
  readonly #tenant: Tenant;

  private constructor(live: LiveWorker, router: Router, tenant: Tenant, pps: number) {
    this.live = live;
    this.router = router;
    this.#tenant = tenant;
    this.#pps = pps;
    live.enter(tenant);
  }

  /** The expected load counts from the first moment, so that rooms opened together spread. */
  static async open(
    live: LiveWorker,
    tenant: Tenant,
    expectedPps: number,
  ): Promise<MediaResult<Leg>> {
    live.addLoad(expectedPps);
    const made = await attempt(
      () => live.worker.createRouter({ mediaCodecs: [...ROUTER_CODECS] }),
      () => live.ended,
    );
    if (made.ok) return done(new Leg(live, made.value, tenant, expectedPps));
    live.addLoad(-expectedPps);
    return made;
  }

  get closed(): boolean {
    return this.#closed || this.live.ended;
  }

  get pps(): number {
    return this.#pps;
  }

  setLoad(pps: number): void {
    if (this.#closed) return;
    this.live.addLoad(pps - this.#pps);
    this.#pps = pps;
  }

  close(): void {
    if (this.#closed) return;
    this.setLoad(0);
    this.#closed = true;
    this.router.close();
    this.live.leave(this.#tenant);
  }
}
