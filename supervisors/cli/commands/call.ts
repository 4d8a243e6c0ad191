/**
 * Owns the command `call`: any verb of the admin socket by its name, for what has no command of its own.
 */
import { callVerb } from '../ask.ts';
import { misuse } from '../outcome.ts';
import type { CliCommand } from '../types.ts';

export const call: CliCommand = {
  args: [
    { name: 'verb', about: 'name of the verb; `driftway verbs` lists them' },
    { name: 'args', about: 'its arguments as a JSON object', optional: true },
  ],
  examples: [`call inspect '{"id":"n1/shard-0"}'`],
  run: async (context, given) => {
    const text = given.text('args') ?? '{}';
    const args = parseObject(text);
    if (args === null) return misuse(`args: got ${JSON.stringify(text)}, wanted a JSON object`);
    return callVerb(context, given.arg('verb'), args, (value) => JSON.stringify(value, null, 2));
  },
};

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    return value as Record<string, unknown>;
  } catch {
    return null; // no JSON: refused as any other wrong value
  }
}
