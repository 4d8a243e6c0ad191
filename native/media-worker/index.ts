/** The entry of native/media-worker/: the mediasoup-worker binary of this machine. Exports only. */
export { cachedMediaWorker, mediaWorkerBinary } from './binary.ts';
export type {
  MediaWorkerFault,
  MediaWorkerOptions,
  MediaWorkerProgress,
  MediaWorkerResult,
  MediaWorkerStep,
  MediaWorkerVariant,
} from './types.ts';
