/**
 * What the long-running drivers share (fuzz, evidence): their command line, their progress lines and their last word.
 * A driver prints figures with their bars, then `clean` or what was violated, and exits with 0 or 1; 2 for wrong use.
 */
import { parseArgs } from 'node:util';
import { nowMs } from './raw-client.ts';

/** An option of a driver: a whole number with its short and its long (`LONG=1`) default. */
export interface NumberOption {
  readonly short: number;
  readonly long?: number;
  readonly what: string;
}

export type Settings<Name extends string> = Readonly<Record<Name, number>>;

/** Reads `--name N` for each option; prints the help and ends the process for `--help` and wrong use. */
export function readSettings<Name extends string>(
  about: string,
  options: Readonly<Record<Name, NumberOption>>,
): Settings<Name> {
  const names = Object.keys(options) as Name[];
  const isLong = process.env.LONG === '1';
  const defaultOf = ({ short, long }: NumberOption): number => (isLong ? (long ?? short) : short);
  try {
    const { values }: { values: Readonly<Record<string, unknown>> } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
      },
    });
    if (values.help === true) {
      const lines = names.map((name) => {
        const { what, short, long } = options[name];
        const defaults = long === undefined ? `${short}` : `${short}, with LONG=1 ${long}`;
        return `  --${name.padEnd(12)} ${what} (${defaults})`;
      });
      console.log([about, '', ...lines].join('\n'));
      process.exit(0);
    }
    return Object.fromEntries(
      names.map((name) => [name, toCount(name, values[name], defaultOf(options[name]))]),
    ) as Settings<Name>;
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}

function toCount(name: string, text: unknown, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new RangeError(`--${name}: got ${String(text)}, wanted a whole number`);
}

/** Collects figures and violations, and prints them. */
export class Verdict {
  readonly #title: string;
  readonly #started = nowMs();
  readonly #violations: string[] = [];

  constructor(title: string) {
    this.#title = title;
  }

  get violations(): readonly string[] {
    return this.#violations;
  }

  /** A line with the seconds since the start. */
  progress(text: string): void {
    console.log(`[${((nowMs() - this.#started) / 1000).toFixed(0).padStart(4)} s] ${text}`);
  }

  /** A figure; with a bar, a violation when it is above. */
  figure(what: string, value: number, unit = '', most?: number): void {
    const isOver = most !== undefined && !(value <= most);
    const bar = most === undefined ? '' : `  (at most ${most})`;
    const rounded = Math.round(value * 100) / 100;
    console.log(`${isOver ? '!! ' : '   '}${what}: ${rounded} ${unit}${bar}`.trimEnd());
    if (isOver) this.violation(`${what}: ${rounded} ${unit}, at most ${most}`);
  }

  /** A figure of speed: marked where it is missed, but no violation, since machines differ. */
  speed(what: string, value: number, unit: string, least: number): void {
    const rounded = Math.round(value * 100) / 100;
    const mark = value >= least ? '' : '  MISSED';
    console.log(`   ${what}: ${rounded} ${unit}  (at least ${least})${mark}`);
  }

  /**
   * A time with its bar: marked where it is missed; a violation in the long form only, which is run on a quiet machine.
   */
  time(what: string, value: number, unit: string, most: number): void {
    if (process.env.LONG === '1') {
      this.figure(what, value, unit, most);
      return;
    }
    const mark = value <= most ? '' : '  MISSED';
    console.log(`   ${what}: ${Math.round(value * 100) / 100} ${unit}  (at most ${most})${mark}`);
  }

  violation(text: string): void {
    if (this.#violations.length < 200) this.#violations.push(text);
  }

  /** Prints the end and sets the exit code. */
  finish(): void {
    const count = this.#violations.length;
    for (const line of this.#violations.slice(0, 40)) console.log(`violation: ${line}`);
    console.log(`${this.#title}: ${count === 0 ? 'clean' : `${count} violations`}`);
    process.exitCode = count === 0 ? 0 : 1;
  }
}

/** What a driver runs and what it leaves behind. */
export interface Run {
  run(): Promise<void>;
  dispose(): Promise<void>;
}

/** Runs it, disposes of it also when the driver is told to end, and prints the end. */
export async function runToEnd(verdict: Verdict, work: Run): Promise<void> {
  const leave = (): void => {
    const end = (): never => process.exit(1);
    work.dispose().then(end, end);
  };
  process.once('SIGTERM', leave);
  process.once('SIGINT', leave);
  try {
    await work.run();
  } catch (error) {
    verdict.violation(String(error));
  }
  await work.dispose();
  verdict.finish();
}

/** The value below which `share` (0 to 1) of the samples lie; 0 without samples. Sorts a copy. */
export function percentile(samples: readonly number[], share: number): number {
  if (samples.length === 0) return 0;
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
