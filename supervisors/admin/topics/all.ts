/** All topics of the admin socket: one line for each file. Main thread, loaded at the first connection. */
import type { AdminDeps } from '../deps.ts';
import type { AdminTopic } from '../topic.ts';
import { auditTopic } from './audit.ts';
import { chaosTopic } from './chaos.ts';
import { logTopic } from './log.ts';
import { ratesTopic } from './rates.ts';
import { reportsTopic } from './reports.ts';
import { treeTopic } from './tree.ts';

const FACTORIES: readonly ((deps: AdminDeps) => AdminTopic)[] = [
  treeTopic,
  reportsTopic,
  auditTopic,
  chaosTopic,
  logTopic,
  ratesTopic,
];

/** Every topic, made for this node. */
export function adminTopics(deps: AdminDeps): readonly AdminTopic[] {
  return FACTORIES.map((factory) => factory(deps));
}
