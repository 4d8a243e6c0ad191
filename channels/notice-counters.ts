/** Counters of markers, unread notices and mentions, over all entities of a shard thread. */

/** Counted since the thread started. */
export interface NoticeCounters {
  /** MARKs that moved a marker, and own messages that did. */
  markersMoved: number;
  markersWritten: number;
  /** Writes of markers that had to be made again. */
  markersRetried: number;
  /** MARKs refused at the bound of markers that wait for the store. */
  markersRefused: number;
  /** Kind 43 events. */
  markersTold: number;
  /** Kind 43 events that had to be sent again, and those given up at their bound. */
  markersTellRetried: number;
  markersTellDropped: number;
  /** Heads that streams have told of, and UNREAD frames that followed. */
  headsMoved: number;
  unreadSent: number;
  receiptsSent: number;
  /** Kind 44 events; those that had to be sent again; streams that had to stop looking for more. */
  mentionsSent: number;
  mentionsRetried: number;
  mentionsStopped: number;
  /** Streams woken after a start to look for mentions that were not told. */
  mentionsResumed: number;
}

/** Fresh counters, all zero. */
export function newNoticeCounters(): NoticeCounters {
  return {
    markersMoved: 0,
    markersWritten: 0,
    markersRetried: 0,
    markersRefused: 0,
    markersTold: 0,
    markersTellRetried: 0,
    markersTellDropped: 0,
    headsMoved: 0,
    unreadSent: 0,
    receiptsSent: 0,
    mentionsSent: 0,
    mentionsRetried: 0,
    mentionsStopped: 0,
    mentionsResumed: 0,
  };
}
