/** Faults of a running thread, on purpose and for a time. Exports only. */
export { holdLane, type LaneFault, type LaneFaultOptions } from './lane-fault.ts';
export {
  faultMailbox,
  type MailboxFault,
  type MailboxFaultCounts,
  type MailboxFaultOptions,
} from './mailbox-fault.ts';
