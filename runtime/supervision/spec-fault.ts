/**
 * Refused child specs and supervisor flags: which field, which value, in words. Pure.
 */
import { errorInfo } from '../core/reason.ts';
import type { SpecFault } from './types.ts';

const SHOWN_CHARS = 80;

/** A field of a child spec or of a supervisor's flags with a value it cannot have. */
export class SpecError extends TypeError {
  override readonly name: string;
  readonly code = 'DRIFT_RUNTIME_SPEC';
  readonly field: string;
  readonly value: unknown;

  /** `of`: what the field belongs to, for example `child a`. */
  constructor(of: string, field: string, value: unknown, want: string, name = 'SpecError') {
    super(`${of}: ${field}: got ${shown(value)}, want ${want}`);
    this.name = name;
    this.field = field;
    this.value = value;
  }
}

/** What a check threw as plain data, an exit reason too. Other errors pass. */
export function faultFrom(thrown: unknown): SpecFault {
  if (!(thrown instanceof SpecError)) throw thrown;
  return { error: errorInfo(thrown), field: thrown.field, value: thrown.value };
}

/** A value in a message: short, and never the inside of a function. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return (JSON.stringify(value) ?? 'an object').slice(0, SHOWN_CHARS);
  } catch {
    return 'an object';
  }
}
