/** The entry of native/rtc-peer/: one WebRTC peer for tests of media workers. Exports only; importing it loads a native WebRTC stack. */
export {
  connectPeer,
  countPackets,
  endPeers,
  type Offered,
  type Side,
  sendPackets,
} from './peer.ts';
