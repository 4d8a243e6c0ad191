/**
 * Owns the words of a command line once they are parsed: checks them against what the command declares and hands them out by
 * name. Pure.
 */
import type { CliArgument, CliCommand, CliOption, Given } from './types.ts';

/** The words, or one sentence about the first wrong one; exit code 2 then. */
export type GivenResult =
  | { readonly ok: true; readonly given: Given }
  | { readonly ok: false; readonly message: string };

/**
 * Checks arguments and options. `words` in the order of `command.args` (a variadic one as an array), `values` by the option's
 * name as it is declared.
 */
export function checkGiven(
  command: CliCommand,
  words: readonly unknown[],
  values: Readonly<Record<string, unknown>>,
): GivenResult {
  const checked = new Map<string, unknown>();
  for (const [i, argument] of (command.args ?? []).entries()) {
    const fault = argumentFault(argument, words[i]);
    if (fault !== null) return { ok: false, message: fault };
    checked.set(argument.name, words[i] ?? null);
  }
  for (const option of command.options ?? []) {
    const result = optionValue(option, values[option.name]);
    if (!result.ok) return result;
    checked.set(option.name, result.value);
  }
  return { ok: true, given: new Words(checked) };
}

function argumentFault({ name, choices }: CliArgument, word: unknown): string | null {
  if (choices === undefined || word === undefined) return null;
  const words: unknown[] = Array.isArray(word) ? word : [word];
  const wrong = words.find((each) => !choices.includes(String(each)));
  return wrong === undefined ? null : `${name}: got "${wrong}", wanted ${anyOf(choices)}`;
}

function optionValue(
  option: CliOption,
  raw: unknown,
):
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string } {
  const { name, kind, choices, fallback } = option;
  if (kind === 'flag') return { ok: true, value: raw === true };
  if (raw === undefined) return { ok: true, value: fallback ?? null };
  const text = String(raw);
  if (kind === 'number') return numberOf(option, text);
  if (choices === undefined || choices.includes(text)) return { ok: true, value: text };
  return { ok: false, message: `--${name}: got "${text}", wanted ${anyOf(choices)}` };
}

function numberOf({ name, min = 0, max = Number.MAX_SAFE_INTEGER }: CliOption, text: string) {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return { ok: true, value } as const;
  const top = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
  return {
    ok: false,
    message: `--${name}: got "${text}", wanted an integer from ${top}`,
  } as const;
}

function anyOf(choices: readonly string[]): string {
  return choices.length < 2
    ? String(choices[0])
    : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}

class Words implements Given {
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(values: ReadonlyMap<string, unknown>) {
    this.#values = values;
  }

  arg(name: string): string {
    const value = this.#of(name);
    if (typeof value !== 'string') throw new TypeError(`read ${name}: got ${typeof value}`);
    return value;
  }

  text(name: string): string | null {
    const value = this.#of(name);
    return value === null ? null : String(value);
  }

  list(name: string): readonly string[] {
    const value = this.#of(name);
    return Array.isArray(value) ? value.map(String) : [];
  }

  number(name: string): number | null {
    const value = this.#of(name);
    return typeof value === 'number' ? value : null;
  }

  flag(name: string): boolean {
    return this.#of(name) === true;
  }

  #of(name: string): unknown {
    if (!this.#values.has(name))
      throw new TypeError(`read ${name}: the command declares no such word`);
    return this.#values.get(name);
  }
}
