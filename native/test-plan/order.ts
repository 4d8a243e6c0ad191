/**
 * Owns the order of the test files and which of them get a process of their own: the longest first, so that none of them runs alone at
 * the end; then the short ones that share processes. Runs in the vitest process, for vitest.config.ts.
 */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take seconds, and how many on two cores: what they wait for and what they compute. Only an order: a wrong figure costs
 * time, not a test. Vitest's own memory of durations is empty in a fresh clone.
 */
export const SLOW_FILES: ReadonlyMap<string, number> = new Map([
  ['supervisors/test/crash.fault.test.ts', 121],
  ['supervisors/test/heart.fault.test.ts', 88],
  ['supervisors/test/voice-browser.e2e.test.ts', 60],
  ['supervisors/test/inner.fault.test.ts', 59],
  ['native/audio/audio.test.ts', 43],
  ['conformance/suite.e2e.test.ts', 37],
  ['supervisors/test/hostile-sockets.e2e.test.ts', 33],
  ['supervisors/test/waiting.e2e.test.ts', 28],
  ['supervisors/test/voice-encrypted.e2e.test.ts', 23],
  ['supervisors/test/conformance-streams.e2e.test.ts', 21],
  ['supervisors/test/hostile-streams.e2e.test.ts', 21],
  ['supervisors/test/hostile-floods.e2e.test.ts', 20],
  ['conformance/test/planted.e2e.test.ts', 20],
  ['supervisors/admin/test/remote.e2e.test.ts', 19],
  ['supervisors/test/conformance-rules.e2e.test.ts', 19],
  ['supervisors/test/voice-recording.e2e.test.ts', 19],
  ['supervisors/test/doctor-voice.e2e.test.ts', 18],
  ['supervisors/test/stop.fault.test.ts', 18],
  ['runtime/test/heap.test.ts', 18],
  ['supervisors/test/voice.fault.test.ts', 18],
  ['supervisors/test/hostile-voice.e2e.test.ts', 17],
  ['native/test/launch.e2e.test.ts', 16],
  ['supervisors/test/tidy.test.ts', 16],
  ['supervisors/test/presence.fault.test.ts', 16],
  ['supervisors/admin/test/kill.e2e.test.ts', 15],
  ['supervisors/test/backup.e2e.test.ts', 14],
  ['supervisors/test/fuzz.e2e.test.ts', 14],
  ['runtime/test/watchdog.test.ts', 14],
  ['supervisors/test/notices.fault.test.ts', 14],
  ['supervisors/admin/test/chaos.e2e.test.ts', 13],
  ['supervisors/heart.test.ts', 13],
  ['supervisors/admin/test/hostile.e2e.test.ts', 13],
  ['supervisors/test/api-tokens.e2e.test.ts', 13],
  ['supervisors/test/api-walk.e2e.test.ts', 13],
  ['supervisors/admin/test/socket.e2e.test.ts', 12],
  ['supervisors/test/operations.e2e.test.ts', 11],
  ['supervisors/test/hostile.e2e.test.ts', 10],
  ['supervisors/test/voice-rights.e2e.test.ts', 10],
  ['channels/store/crash.test.ts', 10],
  ['supervisors/tracing/test/tracing.e2e.test.ts', 9],
  ['supervisors/admin/test/watch.e2e.test.ts', 9],
  ['supervisors/test/hostile-revoked.e2e.test.ts', 9],
  ['supervisors/test/api-idempotency.fault.test.ts', 8],
  ['gateway/test/unread.e2e.test.ts', 8],
  ['voice/room/playback.fault.test.ts', 8],
  ['voice/record/record.test.ts', 8],
  ['gateway/test/slow-reader.e2e.test.ts', 8],
  ['supervisors/cli/test/cli.e2e.test.ts', 8],
  ['runtime/test/threads.test.ts', 7],
  ['voice/worker/pool.fault.test.ts', 7],
  ['voice/worker/quality.media.test.ts', 7],
  ['supervisors/admin/test/tree.e2e.test.ts', 7],
  ['gateway/test/bounds.e2e.test.ts', 7],
  ['supervisors/test/doctor.e2e.test.ts', 7],
  ['voice/worker/pool.test.ts', 7],
  ['supervisors/test/api-live.e2e.test.ts', 7],
  ['supervisors/test/sessions.fault.test.ts', 6],
  ['channels/test/simulation-stream.test.ts', 6],
  ['gateway/test/presence.e2e.test.ts', 6],
  ['voice/worker/dtls-release.media.test.ts', 6],
  ['supervisors/test/health.fault.test.ts', 6],
  ['supervisors/test/voice-sessions.e2e.test.ts', 6],
  ['supervisors/test/api-dms.e2e.test.ts', 5],
  ['supervisors/keys.test.ts', 5],
  ['supervisors/test/voice.e2e.test.ts', 5],
  ['supervisors/test/api-guilds.e2e.test.ts', 5],
  ['bench/voice/driftway.e2e.test.ts', 5],
  ['voice/record/calls.fault.test.ts', 5],
  ['supervisors/test/voice-off.e2e.test.ts', 5],
  ['gateway/test/voice.e2e.test.ts', 5],
  ['supervisors/test/ops.e2e.test.ts', 4],
  ['runtime/test/readme.test.ts', 4],
  ['supervisors/test/hostile-tokens.e2e.test.ts', 4],
  ['supervisors/test/conformance-connect.e2e.test.ts', 4],
  ['client/terminal/chat.e2e.test.ts', 4],
  ['gateway/test/native.e2e.test.ts', 4],
  ['runtime/test/simulation-supervisors.test.ts', 4],
  ['channels/store/threads.test.ts', 4],
  ['channels/guild-race.test.ts', 4],
  ['supervisors/cli/top/run-top.test.ts', 4],
]);

/** Sorts by `SLOW_FILES`: files with a process of their own first, the longest of them before all. */
export class TestOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config;
    const rank = ({ moduleId, project }: TestSpecification): number =>
      (SLOW_FILES.get(relative(root, moduleId)) ?? 0) + (project.config.isolate ? 1 : 0);
    return [...files].sort((a, b) => rank(b) - rank(a) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}
