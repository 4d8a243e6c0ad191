/**
 * The voice demo page of one gateway thread: built at the first request, then kept in memory (about 0.6 MB); before that it costs
 * nothing. The builder is loaded only then.
 */
import type { Clock } from '../../runtime/index.ts';
import type { DemoFile, HttpLog, VoiceDemo } from './types.ts';
import type { BundleScript } from './voice-demo-build.ts';

/** A build that failed is not tried again by every request. */
const RETRY_MS = 10_000;

type Built = ReadonlyMap<string, DemoFile> | 'failed';

/** Makes the demo; `bundle` is replaced in tests. */
export function createVoiceDemo(options: {
  readonly clock: Clock;
  readonly log: HttpLog;
  readonly bundle?: BundleScript;
}): VoiceDemo {
  const { clock, log, bundle } = options;
  let files: Promise<Built> | undefined;
  let failedAt: number | undefined;
  const build = async (): Promise<Built> => {
    try {
      const { buildDemo } = await import('./voice-demo-build.ts');
      return await buildDemo(bundle);
    } catch (error) {
      failedAt = clock.monotonic();
      const message = error instanceof Error ? error.message.slice(0, 2_000) : 'no error object';
      log.error({ message }, 'http: the voice demo page could not be built');
      return 'failed';
    }
  };
  return {
    async file(name) {
      if (failedAt !== undefined && clock.monotonic() - failedAt >= RETRY_MS) {
        failedAt = undefined;
        files = undefined;
      }
      files ??= build();
      const built = await files;
      return built === 'failed' ? built : built.get(name);
    },
  };
}
