/** The values of the wire (protocol.md 2.3), shared by both encodings. Types only. */

/** What a frame may hold. */
export type Wire = null | boolean | number | string | readonly Wire[];

/** One frame: an array whose element 0 is the opcode. */
export type Frame = readonly Wire[];

/** `driftway.v1.mp` or `driftway.v1.json`. */
export type Encoding = 'mp' | 'json';
