/**
 * Owns the list of checks and runs them one after the other, so that none disturbs the times of another. For the command line;
 * needs no server and changes nothing.
 */
import { systemClock } from '../../runtime/index.ts';
import { type Config, loadConfig } from '../config.ts';
import type { Sources } from '../config-source.ts';
import { dataDirHolder } from '../instance-lock.ts';
import { checkCertificates } from './certificates.ts';
import { checkDisk } from './disk.ts';
import { fail, reasonOf } from './findings.ts';
import { checkBacklog, checkClock, checkMemory, checkOpenFiles, checkRuntime } from './machine.ts';
import { checkNats, checkPort, checkPublicUrl, checkUdp } from './network.ts';
import { checkKeys, checkStore } from './store.ts';
import type { Check, Finding, Scene } from './types.ts';
import { checkMediaWorker, checkVoicePorts } from './voice.ts';
import { checkVoiceCall } from './voice-call.ts';

export interface DoctorOptions {
  /** Where the server's settings come from. */
  readonly sources: Sources;
  /** The data folder, absolute: for when the other settings are wrong. */
  readonly dataDir: string;
  readonly isDeep: boolean;
  readonly clock?: Scene['clock'];
  /** Each finding as it is made. */
  readonly onFinding?: (finding: Finding) => void;
}

const CHECKS: Readonly<Record<string, Check>> = {
  runtime: checkRuntime,
  nofile: checkOpenFiles,
  backlog: checkBacklog,
  memory: checkMemory,
  clock: checkClock,
  disk: checkDisk,
  store: checkStore,
  keys: checkKeys,
  port: checkPort,
  url: checkPublicUrl,
  tls: checkCertificates,
  udp: checkUdp,
  'voice-ports': checkVoicePorts,
  media: checkMediaWorker,
  'voice-call': checkVoiceCall,
  nats: checkNats,
};

/** Looks at everything that a server with these settings needs. Resolves with all findings; rejects only for bugs of its own. */
export async function examine(options: DoctorOptions): Promise<readonly Finding[]> {
  const { clock = systemClock, dataDir, isDeep, onFinding, sources } = options;
  const findings: Finding[] = [];
  const add = (found: readonly Finding[]): void => {
    for (const finding of found) onFinding?.(finding);
    findings.push(...found);
  };
  const { config, faults } = settings(sources, dataDir);
  add(faults);
  const scene = { config, clock, isDeep, serverPid: dataDirHolder(config.dataDir) };
  for (const [id, check] of Object.entries(CHECKS)) add(await attempt(id, check, scene));
  return findings;
}

async function attempt(id: string, check: Check, scene: Scene): Promise<readonly Finding[]> {
  try {
    return await check(scene);
  } catch (error) {
    return [fail(id, `the check itself failed: ${reasonOf(error)}`, 'report it with this line')];
  }
}

/** The configuration; where it is wrong, what is wrong with it, and the defaults instead. */
function settings(
  sources: Sources,
  dataDir: string,
): { readonly config: Config; readonly faults: Finding[] } {
  const loaded = loadConfig(sources);
  if (loaded.ok) return { config: loaded.config, faults: [] };
  // A folder without a configuration file, which may be what is wrong.
  const bare = loadConfig({ env: {}, flags: { dataDir }, cwd: import.meta.dirname });
  const faults = loaded.message
    .split('\n')
    .map((line) => fail('config', line, 'correct the setting; the checks below use the defaults'));
  if (!bare.ok) throw new TypeError(`the defaults are not valid: ${bare.message}`);
  return { config: bare.config, faults };
}
