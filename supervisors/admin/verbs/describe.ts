/**
 * Verb `describe`: every verb and topic with the JSON Schema of what it takes, made from the schemas that check it. Main thread.
 */
import { z } from 'zod';
import { defineVerb, done, fail } from '../define.ts';
import type { AdminTopic } from '../topic.ts';
import type { AdminVerb } from '../types.ts';

const TIMEOUT_MS = 2_000;
const NAME_MAX = 64;

/** `all` and `topics` are asked when somebody calls, so that this verb is among them. */
export function describeVerb(
  all: () => Iterable<AdminVerb>,
  topics: () => Iterable<AdminTopic>,
): AdminVerb {
  return defineVerb({
    name: 'describe',
    about:
      'Verbs and topics with the JSON Schema of what they take; of one verb or topic, or of all',
    effect: 'read',
    args: z.strictObject({ name: z.string().max(NAME_MAX).optional() }),
    timeoutMs: TIMEOUT_MS,
    run: async ({ name }) => {
      const isWanted = (each: { readonly name: string }): boolean =>
        name === undefined || each.name === name;
      const verbs = [...all()].filter(isWanted).map(({ about, args, effect, name, timeoutMs }) => ({
        ...{ name, about, effect, timeoutMs },
        args: schemaOf(args),
      }));
      const named = [...topics()].filter(isWanted).map(({ about, name, onSlow, options }) => ({
        ...{ name, about, onSlow },
        options: schemaOf(options),
      }));
      return verbs.length + named.length === 0
        ? fail('not_found', `there is no verb or topic ${name}`)
        : done({ verbs, topics: named });
    },
  });
}

/** Checks that JSON Schema cannot say are left out. */
function schemaOf(schema: z.ZodType): unknown {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}
