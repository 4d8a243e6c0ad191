/** What a browser's RTCStatsReport says about one voice, in a few numbers. All counters are since the voice began. Pure. */

/** One received voice. */
export interface VoiceStats {
  readonly packets: number;
  readonly lost: number;
  /** Grows with what is really heard; stays still in silence. */
  readonly energy: number;
  /** Samples that were played, and those among them that were made up because a packet was missing. */
  readonly samples: number;
  readonly concealed: number;
  readonly jitterMs: number;
  /** Mean time in the jitter buffer. */
  readonly bufferMs: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Statistics of one received voice; null before its first packet. */
export function readVoiceStats(report: Iterable<readonly [string, unknown]>): VoiceStats | null {
  const inbound = fieldsOf(report, 'inbound-rtp');
  if (inbound === null) return null;
  const emitted = numberOf(inbound, 'jitterBufferEmittedCount');
  const delayS = numberOf(inbound, 'jitterBufferDelay');
  return {
    packets: numberOf(inbound, 'packetsReceived'),
    lost: numberOf(inbound, 'packetsLost'),
    energy: numberOf(inbound, 'totalAudioEnergy'),
    samples: numberOf(inbound, 'totalSamplesReceived'),
    // Silence that the sender did not send at all (DTX) is no loss.
    concealed: numberOf(inbound, 'concealedSamples') - numberOf(inbound, 'silentConcealedSamples'),
    jitterMs: numberOf(inbound, 'jitter') * 1000,
    bufferMs: emitted === 0 ? 0 : (delayS / emitted) * 1000,
  };
}

/** Packets that this person has sent; 0 before the first. */
export function readSentPackets(report: Iterable<readonly [string, unknown]>): number {
  const outbound = fieldsOf(report, 'outbound-rtp');
  return outbound === null ? 0 : numberOf(outbound, 'packetsSent');
}

/** How the connection to the media server goes: `udp`, `tcp` or `relay`, and its round trip; null before it is there. */
export function readRoute(
  report: Iterable<readonly [string, unknown]>,
): { readonly via: string; readonly rttMs: number } | null {
  const stats = new Map(report);
  for (const value of stats.values()) {
    const pair = value as Fields;
    if (pair.type !== 'candidate-pair' || pair.nominated !== true) continue;
    const local = stats.get(String(pair.localCandidateId)) as Fields | undefined;
    if (local === undefined) continue;
    // Behind a NAT of its own a TURN server's address is no `relay` to the browser any more.
    const isRelay = local.candidateType === 'relay' || local.relayProtocol !== undefined;
    const via = isRelay ? 'relay' : String(local.protocol);
    return { via, rttMs: numberOf(pair, 'currentRoundTripTime') * 1000 };
  }
  return null;
}

/** Connectivity checks on the way that is in use; null where a browser does not count them. */
export function readChecks(
  report: Iterable<readonly [string, unknown]>,
): { readonly sent: number; readonly answered: number } | null {
  const stats = new Map(report);
  const transport = fieldsOf(report, 'transport');
  const pair = stats.get(String(transport?.selectedCandidatePairId)) as Fields | undefined;
  if (typeof pair?.requestsSent !== 'number') return null;
  // Checks behind the first answer are counted by themselves.
  const sent = pair.requestsSent + numberOf(pair, 'consentRequestsSent');
  return { sent, answered: numberOf(pair, 'responsesReceived') };
}

function fieldsOf(report: Iterable<readonly [string, unknown]>, type: string): Fields | null {
  for (const [, value] of report) {
    const fields = value as Fields;
    if (fields.type === type) return fields;
  }
  return null;
}

function numberOf(fields: Fields, name: string): number {
  const value = fields[name];
  return typeof value === 'number' ? value : 0;
}
