/**
 * How verbs and topics are written down: typed by their arguments while they are written, one type for all afterwards. Pure.
 */
import type { AdminTopic } from './topic.ts';
import type { AdminVerb, VerbCode, VerbResult } from './types.ts';

/** A verb; its `run` gets what its `args` schema gives. */
export function defineVerb<A, T>(verb: AdminVerb<A, T>): AdminVerb {
  return verb as AdminVerb;
}

/** A topic; its `open` gets what its `options` schema gives. */
export function defineTopic<O>(topic: AdminTopic<O>): AdminTopic {
  return topic as AdminTopic;
}

/** A verb's result. */
export function done<T>(value: T): VerbResult<T> {
  return { ok: true, value };
}

/** A refusal or failure with its name and one line for a person. */
export function fail(code: VerbCode, message: string): VerbResult<never> {
  return { ok: false, code, message };
}
