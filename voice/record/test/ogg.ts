/** A strict reader of Ogg/Opus files of its own, so that what our writer makes is judged by something else. Tests only. */

export interface OpusFile {
  readonly channels: number;
  readonly preSkip: number;
  readonly comments: readonly string[];
  /** Packets of audio in order. */
  readonly packets: readonly Buffer[];
  /** Of the last page. */
  readonly granule: number;
  readonly hasEnd: boolean;
}

interface Page {
  readonly flags: number;
  readonly granule: number;
  readonly serial: number;
  readonly sequence: number;
  readonly lacing: Buffer;
  readonly body: Buffer;
  readonly length: number;
}

const CRC = Array.from({ length: 256 }, (_, i) => {
  let value = i << 24;
  for (let bit = 0; bit < 8; bit++) {
    value = (value & 0x8000_0000) !== 0 ? (value << 1) ^ 0x04c1_1db7 : value << 1;
  }
  return value >>> 0;
});

function crcOf(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ (CRC[((crc >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;
  return crc;
}

function pageAt(file: Buffer, at: number): Page {
  if (file.toString('latin1', at, at + 4) !== 'OggS') throw new Error(`no page at ${at}`);
  const count = file[at + 26] ?? 0;
  const lacing = file.subarray(at + 27, at + 27 + count);
  const bodyLength = lacing.reduce((sum, value) => sum + value, 0);
  const length = 27 + count + bodyLength;
  if (at + length > file.length) throw new Error(`page at ${at} is cut`);
  const page = Buffer.from(file.subarray(at, at + length));
  const wanted = page.readUInt32LE(22);
  page.writeUInt32LE(0, 22);
  if (crcOf(page) !== wanted) throw new Error(`page at ${at}: checksum`);
  return {
    flags: page[5] ?? 0,
    granule: Number(page.readBigInt64LE(6)),
    serial: page.readUInt32LE(14),
    sequence: page.readUInt32LE(18),
    ...{ lacing, body: page.subarray(27 + count), length },
  };
}

function packetsOf(pages: readonly Page[]): Buffer[] {
  const out: Buffer[] = [];
  let parts: Buffer[] = [];
  for (const { lacing, body } of pages) {
    let at = 0;
    for (const length of lacing) {
      parts.push(body.subarray(at, at + length));
      at += length;
      if (length === 255) continue;
      out.push(Buffer.concat(parts));
      parts = [];
    }
  }
  if (parts.length > 0) throw new Error('the last packet is cut');
  return out;
}

/** Throws for anything that the formats (RFC 3533, RFC 7845) do not allow. */
export function readOpusFile(file: Buffer): OpusFile {
  const pages: Page[] = [];
  for (let at = 0; at < file.length; at += pages.at(-1)?.length ?? file.length) {
    pages.push(pageAt(file, at));
  }
  pages.forEach((page, i) => {
    if (page.sequence !== i) throw new Error(`page ${i} is numbered ${page.sequence}`);
    if (page.serial !== pages[0]?.serial) throw new Error(`page ${i} is of another stream`);
    if (((page.flags & 2) !== 0) !== (i === 0))
      throw new Error(`page ${i}: wrong flag of the start`);
  });
  const [head, tags, ...packets] = packetsOf(pages);
  if (head?.toString('latin1', 0, 8) !== 'OpusHead') throw new Error('no OpusHead');
  if (tags?.toString('latin1', 0, 8) !== 'OpusTags') throw new Error('no OpusTags');
  const last = pages.at(-1);
  return {
    channels: head[9] ?? 0,
    preSkip: head.readUInt16LE(10),
    comments: commentsOf(tags),
    packets,
    granule: last?.granule ?? 0,
    hasEnd: ((last?.flags ?? 0) & 4) !== 0,
  };
}

function commentsOf(tags: Buffer): string[] {
  let at = 8 + 4 + tags.readUInt32LE(8);
  const count = tags.readUInt32LE(at);
  at += 4;
  return Array.from({ length: count }, () => {
    const length = tags.readUInt32LE(at);
    at += 4 + length;
    return tags.toString('utf8', at - length, at);
  });
}
