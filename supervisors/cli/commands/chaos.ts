/**
 * Owns the commands `chaos ...`: what can be broken on purpose, breaking it for a time, and the written results.
 */
import type { ChaosMenuLine } from '../../admin/chaos/menu.ts';
import type { ChaosResult, ChaosStatus, ChaosSummary } from '../../admin/chaos/types.ts';
import { callVerb, ended, rowId, withAdmin } from '../ask.ts';
import { duration, moment, safe, table } from '../text.ts';
import type { AdminConnection, CliCommand, Given } from '../types.ts';

interface Menu {
  readonly enabled: boolean;
  readonly items: readonly ChaosMenuLine[];
}

interface Begun {
  readonly run: number;
  readonly endsAt: number | null;
}

const OFF = 'chaos is off: start the server with DRIFTWAY_CHAOS_ENABLED=on';

export const chaosMenu: CliCommand = {
  more: 'Every fault ends by itself, on the thread that has it, also when you or the server lose the connection.',
  run: (context) =>
    callVerb(context, 'chaos.menu', {}, (value) => {
      const { enabled, items } = value as Menu;
      const rows = items.map(({ about, args, item, target, threads }) => [
        item,
        target,
        threads.join(' ') || '-',
        args.join(' ') || '-',
        about,
      ]);
      const list = table(['ITEM', 'TARGET', 'ON', 'ARGUMENTS', 'WHAT HAPPENS'], rows);
      return enabled ? list : `${list}\n${OFF}`;
    }),
};

export const chaosStart: CliCommand = {
  args: [
    { name: 'item', about: 'what is to happen, see `chaos menu`' },
    { name: 'id', about: 'actor or thread', optional: true, complete: 'row' },
  ],
  options: [
    { name: 'for', kind: 'number', about: 'ms that it lasts', min: 1, max: 60_000, value: 'MS' },
    { name: 'to', kind: 'text', about: 'cut-lane: the other thread', value: 'ID' },
    {
      name: 'mode',
      kind: 'text',
      about: 'cut-lane: nothing passes, or each takes the other for dead',
      choices: ['hold', 'break'],
    },
    { name: 'delay', kind: 'number', about: 'delay-mailbox: ms', min: 1, max: 10_000, value: 'MS' },
    { name: 'percent', kind: 'number', about: 'drop-mailbox: messages lost', min: 1, max: 100 },
    {
      name: 'limit',
      kind: 'number',
      about: 'actors and connections that may be affected (1000)',
      min: 1,
      max: 1_000_000,
    },
    { name: 'detach', kind: 'flag', about: 'do not wait for the result' },
  ],
  more: 'Waits for the result, which is also written to DATA_DIR/chaos. Exit code 1 when something was lost, repeated or did not recover.',
  examples: [
    'chaos start kill-actor shard-0/stream/4711',
    'chaos start freeze-store --for 3000',
    'chaos start cut-lane gateway-0 --to shard-0 --mode break',
  ],
  run: (context, given) =>
    withAdmin(context, async (admin) => {
      const isDetached = given.flag('detach');
      const onProgress = (data: unknown): void => {
        const phase = (data as Partial<ChaosStatus>).running?.phase;
        if (phase !== undefined) context.note(phase);
      };
      const args = { ...argsOf(admin, given), wait: !isDetached };
      const answer = await admin.call('chaos.start', args, { onProgress });
      if (!answer.ok) return ended(answer, () => '');
      const now = context.clock.now();
      if (isDetached) return ended(answer, (value) => begun(value as Begun, now));
      const outcome = ended(answer, (value) => resultText(value as ChaosResult, now));
      return { ...outcome, exit: (answer.value as ChaosResult).verdict === 'clean' ? 0 : 1 };
    }),
};

function argsOf(admin: AdminConnection, given: Given): Readonly<Record<string, unknown>> {
  const [id, to, mode] = [given.text('id'), given.text('to'), given.text('mode')];
  const percent = given.number('percent');
  const wanted = {
    item: given.arg('item'),
    id: id === null ? null : rowId(admin, id),
    to: to === null ? null : rowId(admin, to),
    mode,
    forMs: given.number('for'),
    delayMs: given.number('delay'),
    share: percent === null ? null : percent / 100,
    limit: given.number('limit'),
  };
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== null));
}

function begun({ endsAt, run }: Begun, now: number): string {
  const until = endsAt === null ? 'it has happened' : `it ends in ${duration(endsAt - now)}`;
  return `run ${run}: ${until}; see \`driftway chaos status\``;
}

export const chaosStop: CliCommand = {
  run: (context) =>
    callVerb(context, 'chaos.stop', {}, (value) => `run ${(value as Begun).run} ends now`),
};

export const chaosStatus: CliCommand = {
  run: (context) =>
    callVerb(context, 'chaos.status', {}, (value) => {
      const { enabled, last, running } = value as ChaosStatus;
      const lastText = last === null ? 'no result yet' : `last result: ${last}`;
      if (running === null) return `${enabled ? 'nothing is broken on purpose' : OFF}\n${lastText}`;
      const { args, item, phase, run, who } = running;
      return `run ${run}: ${item} ${safe(JSON.stringify(args))}, ${phase}, by ${safe(who)}`;
    }),
};

export const chaosResults: CliCommand = {
  args: [{ name: 'result', about: 'name of one result; the newest ones without', optional: true }],
  options: [
    { name: 'last', kind: 'number', about: 'results at most', min: 1, max: 50, fallback: 10 },
  ],
  run: (context, given) => {
    const result = given.text('result');
    const now = context.clock.now();
    if (result !== null) {
      return callVerb(context, 'chaos.results', { result }, (value) =>
        resultText(value as ChaosResult, now),
      );
    }
    return callVerb(context, 'chaos.results', { last: given.number('last') }, (value) =>
      listText((value as { results: readonly ChaosSummary[] }).results, now),
    );
  },
};

function listText(results: readonly ChaosSummary[], now: number): string {
  if (results.length === 0) return 'no results yet';
  const rows = results.map((one) => [
    moment(one.startedAt, now),
    one.item,
    one.verdict,
    recovery(one.recoveryMs),
    one.lost,
    one.repeated,
    one.reordered,
    one.result,
  ]);
  const head = ['AT', 'ITEM', 'VERDICT', 'RECOVERY', 'LOST', 'REPEATED', 'REORDERED', 'RESULT'];
  return table(head, rows);
}

function resultText(one: ChaosResult, now: number): string {
  const { affected, args, canary, endedBy, item, tree } = one;
  const fell = tree.threadsDown.length === 0 ? 'none' : tree.threadsDown.join(', ');
  return [
    `${item} ${safe(JSON.stringify(args))}, ${moment(one.startedAt, now)}, by ${safe(one.who)}`,
    `verdict    ${one.verdict}`,
    `recovery   ${recovery(one.recoveryMs)}, after ${one.activeMs} ms, ended by ${endedBy}`,
    `lost       ${one.lost}, repeated ${one.repeated}, reordered ${one.reordered}`,
    `canary     ${canary.acknowledged} of ${canary.sent} acknowledged, ${canary.refused} refused, ${canary.unanswered} unanswered, longest silence ${canary.longestSilenceMs} ms`,
    `affected   ${affected.actors} actors, ${affected.connections} connections`,
    `tree       ${tree.crashes} crashes, threads down: ${fell}`,
    `result     ${one.result}`,
  ].join('\n');
}

function recovery(ms: number | null): string {
  return ms === null ? 'never' : `${ms} ms`;
}
