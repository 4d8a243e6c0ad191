/** The invariants that hold in every case, over the logs of all its connections. Pure. */
import { byteIdentity, causality, senderOrder, totalOrder } from '../invariants/across.ts';
import { wellFormed } from '../invariants/form.ts';
import { type Violation, walk } from '../invariants/walk.ts';
import type { ConnectionLog } from '../peer/log.ts';

/** The form of each frame, I1, I3, I8, I9, I11, I12, I14 (after SUBEND), I15 and I16. */
export function audit(logs: readonly ConnectionLog[]): Violation[] {
  const walks = logs.map(walk);
  const copies = walks.flatMap(({ log, events }) =>
    events.map((event) => ({ client: log.client, event })),
  );
  return [
    ...logs.flatMap(wellFormed),
    ...walks.flatMap(({ violations }) => violations),
    ...totalOrder(copies),
    ...byteIdentity(walks),
    ...senderOrder(walks),
    ...causality(walks),
  ];
}

/** For a report. */
export function violationText({ invariant, client, sid, what }: Violation): string {
  return `${invariant} ${client}, stream ${sid}: ${what}`;
}
