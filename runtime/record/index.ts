/** Recording and replay of one actor. Exports only. */
export { type KeepInputs, keepInputs, shapeOf } from './crash-inputs.ts';
export { recordActor, recordingsHere, stopRecording } from './recorder.ts';
export { openReplay, type Replay } from './replay.ts';
export {
  type FileSinkOptions,
  fileSink,
  type MemorySink,
  memorySink,
  readRecord,
} from './sinks.ts';
export type {
  Divergence,
  Entry,
  Recording,
  RecordOptions,
  RecordPlan,
  RecordSink,
  ReplayOptions,
  ReplayResult,
  ReplayStep,
  SinkCounters,
  Tap,
} from './types.ts';
