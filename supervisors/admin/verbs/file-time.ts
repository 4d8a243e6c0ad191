/**
 * A time as part of a file's name: sorts as it is. Pure.
 */

/** `20261121-203015123`, UTC. */
export function fileTime(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace(/[-:.Z]/g, '')
    .replace('T', '-');
}
