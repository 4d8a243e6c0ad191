/** The messages between the fuzzer's driver (main.ts) and its generator process. Types only. */
import type { Encoding } from '../support/raw-client.ts';
import type { SeedWorld } from './seeds.ts';

/** What the generator is told, once. */
export interface GeneratorTask {
  readonly port: number;
  readonly world: SeedWorld;
  readonly seed: number;
  readonly lanes: number;
  readonly httpLanes: number;
}

/** A payload that ended otherwise than {OK, ERR, 45xx, 1006}. */
export interface Find {
  readonly what: string;
  readonly encoding?: Encoding;
  /** The frame that the server had before it last. */
  readonly hex?: string;
  readonly http?: { readonly method: string; readonly path: string; readonly hex: string };
}

/** Counts since the start. */
export interface Counts {
  /** Mutated frames that the server has judged, by encoding. */
  readonly mp: number;
  readonly json: number;
  /** Mutated HTTP bodies that were answered. */
  readonly http: number;
  readonly connections: number;
  /** How often a frame was answered, or ended its connection with a code. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export type GeneratorReport =
  | { readonly type: 'counts'; readonly counts: Counts }
  | { readonly type: 'find'; readonly find: Find }
  | { readonly type: 'failed'; readonly why: string };
