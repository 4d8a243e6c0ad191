/**
 * The AsyncAPI 3 document of the WebSocket, made from the same tables as PROTOCOL.md: one message for each opcode, each
 * kind of event and each reply, as JSON Schemas of positional arrays. Pure; gateway threads make it once, when asked.
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
import { Close, closeAction } from './close-codes.ts';
import { arraySchema, notation, type OpRow, type Schema } from './elements.ts';
import { Err } from './err-codes.ts';
import { Kind } from './kinds.ts';
import { SUBPROTOCOL } from './limits.ts';
import { CLIENT_OPS, Op, type OpName } from './ops.ts';

const CHANNEL = '#/channels/gateway';
const MESSAGES = '#/components/messages';

/**
 * Builds the document.
 * @param info version of the server, and its URL as others reach it (http or https)
 * @returns plain JSON
 */
export function asyncApiDocument(info: {
  readonly version: string;
  readonly publicUrl: string;
}): Readonly<Record<string, unknown>> {
  const { host, protocol } = new URL(info.publicUrl);
  const messages = allMessages();
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Driftway gateway',
      version: info.version,
      description:
        `Frames are positional arrays, element 0 is the opcode; extra elements are ignored, missing ones at the end count as null. ` +
        `Subprotocol ${SUBPROTOCOL.json}: text messages, these arrays as JSON. Subprotocol ${SUBPROTOCOL.mp}: binary messages, the same arrays as msgpack. ` +
        'The rules are in gateway/protocol/PROTOCOL.md.',
    },
    defaultContentType: 'application/json',
    servers: { gateway: { host, pathname: '/gw', protocol: protocol === 'https:' ? 'wss' : 'ws' } },
    channels: {
      gateway: {
        address: '/gw',
        messages: Object.fromEntries(
          Object.keys(messages).map((name) => [name, { $ref: `${MESSAGES}/${name}` }]),
        ),
      },
    },
    operations: { ...serverOperations(), ...clientOperations() },
    components: { messages },
    'x-errors': numbered(Err, ERR_MEANINGS),
    'x-close-codes': Object.entries(Close).map(([name, code]) => ({
      code,
      name: name.toLowerCase(),
      action: closeAction(code),
      client: CLOSE_ADVICE[name as keyof typeof Close],
    })),
    'x-numbers': NUMBER_SPACES,
    'x-limits': LIMIT_ROWS,
    'x-rates': RATE_ROWS.map(({ name, ...row }) => ({ limit: name, ...row })),
  };
}

interface Message {
  readonly title: string;
  readonly summary: string;
  readonly payload: Schema;
  readonly 'x-opcode': number;
  readonly 'x-kind'?: number;
}

function allMessages(): Readonly<Record<string, Message>> {
  const messages: Record<string, Message> = {};
  for (const [name, op] of Object.entries(Op) as [OpName, number][]) {
    const { frame, result, what } = OP_ROWS[name];
    const parts = [String(op), notation(frame)].filter((part) => part !== '');
    messages[name] = {
      title: `[${parts.join(', ')}]`,
      summary: what,
      payload: arraySchema(frame, [{ const: op }]),
      'x-opcode': op,
    };
    if (result !== undefined) messages[`OK_${name}`] = replyMessage(name, result);
  }
  for (const [name, kind] of Object.entries(Kind) as [keyof typeof Kind, number][]) {
    messages[`EV_${name}`] = eventMessage(name, kind);
  }
  return messages;
}

function replyMessage(name: OpName, result: NonNullable<OpRow['result']>): Message {
  const elements = [...OP_ROWS.OK.frame.slice(0, 1), ...result];
  return {
    title: `[${Op.OK}, ${notation(elements)}]`,
    summary: `OK of ${name}`,
    payload: arraySchema(elements, [{ const: Op.OK }]),
    'x-opcode': Op.OK,
  };
}

/** Trailing null, 0 and empty arrays are left out of a body: all of it is optional here. */
function eventMessage(name: keyof typeof Kind, kind: number): Message {
  const { body, what } = KIND_ROWS[name];
  const fixed = OP_ROWS.EV.frame.filter((element) => element.is !== 'rest');
  const head = fixed.map((element) => (element.name === 'kind' ? { const: kind } : undefined));
  const { prefixItems } = arraySchema(fixed) as { prefixItems: readonly Schema[] };
  const first = [{ const: Op.EV }, ...prefixItems.map((schema, i) => head[i] ?? schema)];
  const payload = { ...arraySchema(body, first), minItems: first.length };
  return {
    title: `[${[Op.EV, 'sid', 'epoch', 'seq', 'ts', kind, 'actor', notation(body)].filter((part) => part !== '').join(', ')}]`,
    summary: what,
    payload,
    'x-opcode': Op.EV,
    'x-kind': kind,
  };
}

/** What the server sends by itself. */
function serverOperations(): Readonly<Record<string, unknown>> {
  const operations: Record<string, unknown> = {};
  for (const [name, op] of Object.entries(Op)) {
    if (CLIENT_OPS.has(op) || op === Op.OK || op === Op.ERR) continue;
    const names = op === Op.EV ? ['EV', ...Object.keys(Kind).map((kind) => `EV_${kind}`)] : [name];
    operations[`send${name}`] = operation('send', names);
  }
  return operations;
}

/** What a client sends, each with its replies. */
function clientOperations(): Readonly<Record<string, unknown>> {
  const operations: Record<string, unknown> = {};
  for (const [name, op] of Object.entries(Op) as [OpName, number][]) {
    if (!CLIENT_OPS.has(op)) continue;
    const hasReply = OP_ROWS[name].result !== undefined;
    operations[`receive${name}`] = {
      ...operation('receive', [name]),
      ...(hasReply
        ? { reply: { channel: { $ref: CHANNEL }, messages: refs([`OK_${name}`, 'ERR']) } }
        : {}),
    };
  }
  return operations;
}

function operation(
  action: 'send' | 'receive',
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  return { action, channel: { $ref: CHANNEL }, messages: refs(names) };
}

function refs(names: readonly string[]): { readonly $ref: string }[] {
  return names.map((name) => ({ $ref: `${CHANNEL}/messages/${name}` }));
}

function numbered<Name extends string>(
  codes: Readonly<Record<Name, number>>,
  meanings: Readonly<Record<Name, string>>,
): unknown[] {
  return (Object.entries(codes) as [Name, number][]).map(([name, code]) => ({
    code,
    name: name.toLowerCase(),
    meaning: meanings[name],
  }));
}
