/** From what an entity said to an answer: the two lines that most handlers end with. Gateway threads. */
import type { Result } from '../../channels/index.ts';
import { type Asked, unwrap } from './ask.ts';
import type { Failure } from './errors.ts';

/** `make` of the value, or the failure of the machinery or the domain. */
export async function answer<T, A>(
  asking: Promise<Asked<Result<T>>>,
  make: (value: T) => A,
): Promise<A | Failure> {
  const done = unwrap(await asking);
  return done.ok ? make(done.value) : done.failure;
}

/** A failure of the domain with its field as REST names it. */
export function renamed<A>(
  outcome: A | Failure,
  names: Readonly<Record<string, string>>,
): A | Failure {
  if (!isFailure(outcome) || outcome.field === undefined) return outcome;
  return { ...outcome, field: names[outcome.field] ?? outcome.field };
}

function isFailure(outcome: unknown): outcome is Failure {
  return typeof outcome === 'object' && outcome !== null && 'failed' in outcome;
}
