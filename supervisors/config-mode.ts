/**
 * Owns the one environment variable that this program sets: React takes its quick build by it, and looks when it is loaded.
 * Main thread of the command line.
 */

/** Call before the first import of React; a value that is set already stays. */
export function setProductionMode(): void {
  process.env.NODE_ENV ??= 'production';
}
