/**
 * The valid frames that the fuzzer starts from: one or more of each opcode of protocol.md 2.4 that a client may send,
 * voice included, whether the server speaks it already or not. Written from the page. Pure.
 */
import type { WireFrame } from '../support/wire.ts';

/** What of the run's server the frames name. */
export interface SeedWorld {
  readonly token: string;
  readonly uid: number;
  readonly gid: number;
  readonly sid: number;
}

/** Valid frames with rid 1; most of them are answered with OK. */
export function seedFrames(world: SeedWorld): WireFrame[] {
  return [
    ...connectionFrames(world),
    ...streamFrames(world),
    ...guildFrames(world),
    ...voiceFrames,
  ];
}

function connectionFrames({ token }: SeedWorld): WireFrame[] {
  return [
    [2, 1, token, null, 'fuzz', 0, null],
    [2, 1, token, null, 'fuzz', 7, ['AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAA']],
    [7, 1],
    [8, 1, token, null],
    [200, 1, 'unknown', [1, [2]]],
    [96, 1],
  ];
}

function streamFrames({ sid, gid, uid }: SeedWorld): WireFrame[] {
  return [
    [32, 1, [[sid], [gid, 5, 6, 7], [uid]]],
    [32, 1, [[sid, 2914771203, 1, 1763694000123]]],
    [33, 1, [sid, gid]],
    [
      34,
      1,
      sid,
      'fuzz-1',
      1,
      'hello \u00e9\u{1f600}',
      1,
      1,
      [['a1', 'cat.png', 12345, 'image/png']],
    ],
    [34, 1, sid, 'fuzz-2', 1, `<@${uid}> look`],
    [34, 1, sid, 'fuzz-3', 2, 1, 'edited'],
    [34, 1, sid, 'fuzz-4', 3, 1],
    [34, 1, sid, 'fuzz-5', 4, 1, '\u{1f44d}'],
    [34, 1, sid, 'fuzz-6', 5, 1, '\u{1f44d}'],
    [34, 1, sid, 'fuzz-7', 6, 1, true],
    [34, 1, sid, 'fuzz-8', 7, 'name', 'topic'],
    [35, 1, sid, 0, 10, 10],
    [36, 1, [[sid, 1, 2]]],
    [37, 1, sid, 1],
    [38, sid],
  ];
}

function guildFrames({ gid, uid }: SeedWorld): WireFrame[] {
  return [
    [39, 1, 2, 'playing'],
    [40, 1, gid, 0, 0, 100],
    [41, 1, gid, 0],
    [42, 1, gid, [uid, 1, 2], null, 10],
    [42, 1, gid, null, 'us', 10],
    [43, 1, gid],
  ];
}

const voiceFrames: WireFrame[] = [
  [48, 1, 70_412, '{"codecs":[]}', 0, 0],
  [49, 1, 3],
  [50, 1, 3, 1],
  [51, 1, 3, 4, '{"fingerprints":[]}'],
  [52, 1, 3, 4, 'nonce', 1, '{"codecs":[]}', 0],
  [53, 1, 3, 4, 5],
  [54, 1, 3, 5, false],
  [55, 1, 3, 5],
  [56, 1, 3, true, false, 2],
  [57, 1, 3, 4],
  [58, 1, 3, [4], [5], [6]],
  [60, 1, 3, null, 0, 'aGVsbG8='],
];
