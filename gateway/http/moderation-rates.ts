/** Limits of acts on a guild and of reads from the store, for routes whose path names the guild or channel as `:id`. Pure. */
import { RATE_LIMITS } from '../rates/index.ts';

interface ActInput {
  readonly uid: number;
  readonly params: { readonly id: number };
}

export const MODERATE_RATES = [
  {
    limit: RATE_LIMITS.moderatePerUser,
    key: ({ uid, params }: ActInput) => [uid, params.id] as const,
  },
];
export const STORE_READ_RATES = [
  { limit: RATE_LIMITS.storeReadsPerUser, key: ({ uid }: { readonly uid: number }) => uid },
];
