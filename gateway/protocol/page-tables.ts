/**
 * The tables of PROTOCOL.md out of the catalogue: `node gateway/protocol/test/write-page.ts` puts them into the page, a
 * test compares. Pure; used by developers and tests only.
 */
import {
  CLOSE_ADVICE,
  ERR_MEANINGS,
  KIND_ROWS,
  LIMIT_ROWS,
  NUMBER_SPACES,
  RATE_ROWS,
} from './catalogue.ts';
import { OP_ROWS } from './catalogue-ops.ts';
import { Close, type CloseName } from './close-codes.ts';
import { notation } from './elements.ts';
import { Err, type ErrName } from './err-codes.ts';
import { Kind } from './kinds.ts';
import { CLIENT_OPS, Op, type OpName } from './ops.ts';

/** Each table by the name in its markers: `<!-- table NAME -->` to `<!-- end -->`. */
export function pageTables(): Readonly<Record<string, string>> {
  return {
    ops: table(['op', 'name', 'from', 'frame', 'result in OK', ''], opRows()),
    kinds: table(['kind', 'name', 'stream', 'body', 'by APPEND', ''], kindRows()),
    errors: table(
      ['code', 'name', 'meaning'],
      codes(Err).map(([name, code]) => [code, name.toLowerCase(), ERR_MEANINGS[name as ErrName]]),
    ),
    closes: table(
      ['code', 'name', 'client'],
      codes(Close).map(([name, code]) => [
        code,
        name.toLowerCase(),
        CLOSE_ADVICE[name as CloseName],
      ]),
    ),
    limits: table(
      ['bound', 'value', 'past it'],
      LIMIT_ROWS.map(({ what, value, unit, past }) => [what, `${value} ${unit}`.trim(), past]),
    ),
    rates: table(
      ['rate', 'at once', 'per second', 'past it'],
      RATE_ROWS.map(({ what, burst, perS, past }) => [what, burst, perS, past]),
    ),
    numbers: table(['number', 'meanings'], numberRows()),
  };
}

function codes(of: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(of).sort(([, a], [, b]) => a - b);
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

function opRows(): (string | number)[][] {
  return codes(Op).map(([name, op]) => {
    const { frame, result, what } = OP_ROWS[name as OpName];
    const from = CLIENT_OPS.has(op) ? 'client' : 'server';
    const elements = [String(op), notation(frame)].filter((part) => part !== '').join(', ');
    return [op, name, from, code(`[${elements}]`), code(notation(result ?? [])), what];
  });
}

function kindRows(): (string | number)[][] {
  return codes(Kind).map(([name, kind]) => {
    const { stream, body, byAppend, what } = KIND_ROWS[name as keyof typeof Kind];
    return [kind, name, stream, code(notation(body)), byAppend ? 'yes' : 'no', what];
  });
}

function numberRows(): string[][] {
  return Object.entries(NUMBER_SPACES).map(([name, meanings]) => {
    const list = Object.entries(meanings).map(([value, meaning]) => `${value} ${meaning}`);
    return [name, list.join('; ')];
  });
}

function table(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const rule = `|${heads.map(() => ' --- |').join('')}`;
  return [line(heads), rule, ...rows.map(line)].join('\n');
}
