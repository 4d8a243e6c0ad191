/**
 * The servers that a run needs: the given one, or servers of our own, one per group of settings, started when the first case asks and
 * ended after the last one that does.
 */
import type { Encoding } from '../wire/types.ts';
import type { Case } from './case.ts';
import { OwnServer } from './own-server.ts';
import { Stage } from './stage.ts';
import { Unfit } from './types.ts';
import { World } from './world.ts';

interface Place {
  readonly world: World;
  readonly server: OwnServer | undefined;
}

/** Who plays in most cases. */
const ACTORS = ['A', 'B', 'C'];

/** Gives each case its stage. */
export class Servers {
  readonly #urls: readonly string[];
  readonly #places = new Map<string, Promise<Place>>();
  readonly #patienceMs: number | undefined;
  readonly #progress: (text: string) => void;

  constructor(options: {
    readonly urls: readonly string[];
    readonly patienceMs?: number;
    onProgress(text: string): void;
  }) {
    this.#urls = options.urls;
    this.#patienceMs = options.patienceMs;
    this.#progress = (text) => options.onProgress(text);
  }

  /** The stage of a case; throws Unfit where the case cannot be run. */
  async stage(one: Case, encoding: Encoding): Promise<Stage> {
    if (one.needs === 'control' && this.#urls.length > 0)
      throw new Unfit('needs control', 'kills, restores or drains the server: run without --url');
    const { world, server } = await this.#place(one);
    const urls = this.#urls.length > 0 ? this.#urls : [world.url];
    const [patienceMs, progress] = [this.#patienceMs, this.#progress];
    return new Stage({ encoding, world, urls, server, patienceMs, progress });
  }

  /** Ends the servers that none of the cases to come needs. */
  async release(toCome: readonly Case[]): Promise<void> {
    const needed = new Set(toCome.map((one) => this.#keyOf(one)));
    for (const key of [...this.#places.keys()]) if (!needed.has(key)) await this.#end(key);
  }

  /** Ends the server of a case that failed with it in its hands: nobody knows what state it is in. */
  async abandon(one: Case): Promise<void> {
    if (one.needs === 'control') await this.#end(this.#keyOf(one));
  }

  async #end(key: string): Promise<void> {
    const place = this.#places.get(key);
    this.#places.delete(key);
    await place?.then(
      ({ server }) => server?.dispose(),
      (error) => this.#progress(String(error)),
    );
  }

  #place(one: Case): Promise<Place> {
    const key = this.#keyOf(one);
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const made = this.#made(one);
    this.#places.set(key, made);
    return made;
  }

  /** Cases with one key share a server. */
  #keyOf({ env = {} }: Case): string {
    return this.#urls.length > 0 ? '' : JSON.stringify(env);
  }

  async #made({ env }: Case): Promise<Place> {
    const [url] = this.#urls;
    const server = url === undefined ? await OwnServer.start(env) : undefined;
    const world = new World(url ?? server?.url ?? '');
    // Before a case that wants many accounts uses up what the server grants in an hour.
    for (const name of ACTORS) await world.user(name);
    return { world, server };
  }
}
