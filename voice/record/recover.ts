/** Makes whole files of what a killed process left: a run of driftway-audio of its own, since a long file takes seconds. Voice thread. */
import { execFile } from 'node:child_process';
import { basename } from 'node:path';

const TIMEOUT_MS = 120_000;
const OUTPUT_BYTES_MAX = 1 << 20;

/**
 * What the run tells of each file that it could make whole, as the process tells of segments: `file` is the name in the folder.
 * Files that hold nothing, and all of them when the program cannot be run, stay as they are.
 */
export function recoverParts(
  program: string,
  paths: readonly string[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX, env: {} };
    execFile(program, ['--recover', ...paths], options, (_error, output) => {
      // Its exit code only says that one of them failed: the lines say which.
      resolve(output.split('\n').flatMap(toSegment));
    });
  });
}

function toSegment(line: string): Readonly<Record<string, unknown>>[] {
  // Output at its bound ends within a line.
  if (!line.startsWith('{') || !line.endsWith('}')) return [];
  const told = JSON.parse(line) as Record<string, unknown>;
  if (told.ok !== true) return [];
  return [
    {
      ...told,
      file: basename(String(told.file)),
      ssrc: Number(told.ssrc),
      offset: Number(told.offset),
    },
  ];
}
