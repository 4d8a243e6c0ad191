/**
 * Owns the progress of long work as lines on stderr: one for each step, and one for each fifth of it. Pure but for the writing.
 */
import type { CliContext } from './types.ts';

const PARTS = 5;

/** Takes progress events of backup, restore and export; tells a person now and then. */
export function noteSteps({ note }: Pick<CliContext, 'note'>): (data: unknown) => void {
  let last = '';
  return (data) => {
    const { share, step } = data as { readonly share?: unknown; readonly step?: unknown };
    if (typeof share !== 'number' || typeof step !== 'string') return;
    const part = Math.floor(share * PARTS);
    const line = part === 0 ? `${step} ...` : `${step} ${Math.round((part / PARTS) * 100)} %`;
    if (line === last) return;
    last = line;
    note(line);
  };
}
