/**
 * What an open member window shows: the leaves that the server gave, replaced by its MWIN frames
 * (protocol.md 2.9). Pure state; notices.ts asks the server.
 */
import type {
  Op,
  OpenedLeaf,
  PresenceFrame,
  WindowResult,
  WindowRow,
} from '../gateway/protocol/index.ts';

/** A frame with a whole leaf. */
export type LeafFrame = PresenceFrame & { readonly op: typeof Op.MWIN };

/** What an open window shows. */
export interface WindowView {
  readonly gid: number;
  /** Place of the first row in the whole list. */
  readonly from: number;
  readonly rows: readonly WindowRow[];
  /** `[role, count]` in list order as of the last opening; role 0 = offline. */
  readonly groups: WindowResult['groups'];
}

/** One window on the members of a guild. */
export class MemberWindow {
  readonly gid: number;
  readonly from: number;
  readonly count: number;
  #groups: WindowResult['groups'] = [];
  #leaves: OpenedLeaf[] = [];

  /**
   * @param gid guild
   * @param from place of the first wanted row
   * @param count wanted rows
   */
  constructor(gid: number, from: number, count: number) {
    this.gid = gid;
    this.from = from;
    this.count = count;
  }

  /** Takes the server's answer. */
  opened(result: WindowResult): void {
    this.#groups = result.groups;
    this.#leaves = [...result.leaves].sort((a, b) => a.index - b.index);
  }

  /**
   * Takes a leaf.
   * @returns `stale` when the window must be opened again: a leaf came, went, or was missed in between
   */
  take(frame: LeafFrame): 'changed' | 'same' | 'stale' {
    const at = this.#leaves.findIndex((leaf) => leaf.leaf === frame.leaf);
    const known = this.#leaves[at];
    if (known === undefined) return 'stale';
    if (frame.ver <= known.ver) return 'same';
    if (frame.ver !== known.ver + 1 || frame.entries.length === 0) return 'stale';
    this.#leaves[at] = { ...known, ver: frame.ver, entries: frame.entries };
    return 'changed';
  }

  /** What it shows now. */
  view(): WindowView {
    return {
      gid: this.gid,
      from: this.#leaves[0]?.index ?? this.from,
      rows: this.#leaves.flatMap((leaf) => leaf.entries),
      groups: this.#groups,
    };
  }
}
