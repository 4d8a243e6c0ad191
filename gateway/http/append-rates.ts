/** The buckets of the socket's APPEND (protocol.md 2.13): one allowance for both ways in. Pure; gateway threads. */
import { RATE_LIMITS } from '../rates/index.ts';

interface AppendInput {
  readonly uid: number;
  readonly params: { readonly id: number };
}

/** For routes whose path names the stream as `:id`. */
export const APPEND_RATES = [
  {
    limit: RATE_LIMITS.appendPerUserStream,
    key: ({ uid, params }: AppendInput) => [uid, params.id] as const,
  },
  { limit: RATE_LIMITS.appendPerUser, key: ({ uid }: AppendInput) => uid },
];
