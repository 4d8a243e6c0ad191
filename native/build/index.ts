/** The entry of native/build/: what every native part needs to be built once per machine and kept. Exports only. */
export { aptLine, canInstall, installPackages, missingPackages } from './apt.ts';
export { type Ask, askChild } from './ask.ts';
export {
  accept,
  cachedProgram,
  cacheFolder,
  contentHash,
  getOnce,
  hostIdentity,
  keepNewest,
} from './cache.ts';
export { type ChildOptions, runChild } from './child.ts';
export { runTool } from './run.ts';
export type { NeededPackage, ToolResult, ToolRun } from './types.ts';
