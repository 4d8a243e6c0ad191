/**
 * The fuzzer's HTTP side: bodies made from the server's own OpenAPI document, changed as JSON and as bytes, sent to
 * every route that takes one. An answer of 500 or more, or none, is a find. Runs in the generator process.
 */
import type { HttpClient } from '../support/http-client.ts';
import type { Seeded } from '../support/seeded.ts';
import { pause } from '../support/server-process.ts';
import { mutateBytes, mutateJson } from './mutations.ts';
import type { SeedWorld } from './seeds.ts';
import type { Find } from './types.ts';

/** A route with a body, and a body that fits its schema. */
interface Target {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

export interface HttpLaneOptions {
  readonly http: HttpClient;
  readonly targets: readonly Target[];
  readonly world: SeedWorld;
  readonly chance: Seeded;
  readonly judged: (status: number) => void;
  readonly found: (find: Find) => void;
}

/** Registering and logging in cost 100 ms of hashing each: rarely. */
const HASHING = /\/auth\/(register|login)$/;
const HASHING_SHARE = 50;
/** Between two requests of a lane: the frames have the CPU. */
const GAP_MS = 2;

/** Every operation of the document that has a JSON body. */
export async function httpTargets(http: HttpClient): Promise<Target[]> {
  const answer = await http.raw('/api/v1/openapi.json');
  const document = answer.body as Schema;
  const targets: Target[] = [];
  for (const [path, operations] of Object.entries(
    (document.paths ?? {}) as Record<string, Schema>,
  )) {
    for (const [method, operation] of Object.entries(operations)) {
      const schema = at(operation, 'requestBody', 'content', 'application/json', 'schema');
      if (schema === undefined) continue;
      targets.push({ method: method.toUpperCase(), path, body: example(document, schema) });
    }
  }
  if (targets.length === 0) throw new Error('openapi.json: no operation has a body');
  return targets;
}

/** Runs until the process ends. */
export async function runHttpLane(options: HttpLaneOptions): Promise<never> {
  const { http, targets, world, chance } = options;
  for (;;) {
    const target = chance.pick(targets);
    if (HASHING.test(target.path) && chance.between(1, HASHING_SHARE) > 1) continue;
    let body = Buffer.from(JSON.stringify(mutateJson(chance, target.body)) ?? '');
    if (chance.between(0, 3) === 0) body = Buffer.from(mutateBytes(chance, body));
    const path = target.path.replaceAll(/\{[^}]+\}/g, () => chance.pick(ids(world)));
    const sent = { method: target.method, path, hex: body.toString('hex') };
    try {
      const headers = { 'content-type': 'application/json' };
      const { status } = await http.raw(path, {
        method: target.method,
        token: world.token,
        body,
        headers,
      });
      options.judged(status);
      if (status >= 500) options.found({ what: `HTTP status ${status}`, http: sent });
    } catch (error) {
      options.found({ what: `HTTP without an answer: ${String(error)}`, http: sent });
    }
    await pause(GAP_MS);
  }
}

/** Values for path parameters: mostly what exists. */
function ids({ gid, sid, uid }: SeedWorld): string[] {
  return [gid, gid, sid, sid, uid, 1, 0].map(String).concat('x', '%F0%9F%91%8D', '@me');
}

type Schema = Readonly<Record<string, unknown>>;

function at(value: unknown, ...path: readonly string[]): Schema | undefined {
  let node = value;
  for (const key of path) {
    if (typeof node !== 'object' || node === null) return undefined;
    node = (node as Schema)[key];
  }
  return node as Schema | undefined;
}

const EXAMPLES: Readonly<Record<string, unknown>> = {
  string: 'fuzz_1',
  integer: 1,
  number: 1,
  boolean: true,
  null: null,
};

/** A value that fits a schema, as far as types go. */
function example(document: Schema, schema: Schema): unknown {
  if (typeof schema.$ref === 'string') {
    const target = at(document, ...schema.$ref.replace('#/', '').split('/'));
    return target === undefined ? null : example(document, target);
  }
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (Array.isArray(choices)) return example(document, choices[0] as Schema);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'array') return [example(document, (schema.items ?? {}) as Schema)];
  if (type === 'string' && /\\d|0-9\]\{1|\[1-9\]/.test(String(schema.pattern ?? ''))) return '1';
  if (type !== 'object') return EXAMPLES[String(type)] ?? 'fuzz_1';
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>);
  return Object.fromEntries(properties.map(([key, value]) => [key, example(document, value)]));
}
