/** The entry of voice/sidecar/: the process that records, plays and mixes, and how it is kept up. Exports only. */
export { type SidecarFolders, startSidecar } from './child.ts';
export { Sidecar, type SidecarOptions } from './sidecar.ts';
export type {
  SidecarAnswer,
  SidecarChild,
  SidecarChildEvents,
  SidecarErr,
  SidecarEvent,
  SidecarJob,
  SidecarLink,
  SidecarState,
  SidecarStatus,
} from './types.ts';
