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

/** Gives each case its stage. */
export class Servers {
  readonly #urls: readonly string[];
  readonly #places = new Map<string, Promise<Place>>();
  readonly #progress: (text: string) => void;

  constructor(urls: readonly string[], progress: (text: string) => void) {
    this.#urls = urls;
    this.#progress = progress;
  }

  /** The stage of a case; throws Unfit where the case cannot be run. */
  async stage(one: Case, encoding: Encoding): Promise<Stage> {
    if (one.needs === 'control' && this.#urls.length > 0)
      throw new Unfit('needs control', 'kills, restores or drains the server: run without --url');
    if (one.needs === 'two nodes' && this.#urls.length < 2)
      throw new Unfit('needs two nodes', 'give --url twice');
    const { world, server } = await this.#place(one);
    const urls = this.#urls.length > 0 ? this.#urls : [world.url];
    return new Stage({ encoding, world, urls, server, progress: this.#progress });
  }

  /** Ends the servers that none of the cases to come needs. */
  async release(toCome: readonly Case[]): Promise<void> {
    const needed = new Set(toCome.map(keyOf));
    for (const [key, place] of [...this.#places]) {
      if (needed.has(key)) continue;
      this.#places.delete(key);
      await place.then(
        ({ server }) => server?.dispose(),
        (error) => this.#progress(String(error)),
      );
    }
  }

  #place(one: Case): Promise<Place> {
    const key = keyOf(one);
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const made = this.#made(one);
    this.#places.set(key, made);
    return made;
  }

  async #made({ env }: Case): Promise<Place> {
    const [url] = this.#urls;
    if (url !== undefined) return { world: new World(url), server: undefined };
    const server = await OwnServer.start(env);
    return { world: new World(server.url), server };
  }
}

/** Cases with one key share a server; one that is killed on the way is fit for the next case again. */
function keyOf({ env = {} }: Case): string {
  return JSON.stringify(env);
}
