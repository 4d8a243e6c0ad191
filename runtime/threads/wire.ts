/**
 * The bytes of a batch, as batch-writer.ts writes and batch-reader.ts reads them. Constants only.
 *
 *   batch   u32 records, u32 offset of the definitions, records, definitions
 *   record  kind, then its fields; CAST and CALL: via and op as name numbers, key, arg as values
 *   value   0..127 = that integer, else a tag and what the tag says
 *
 * Names (ops, types of entities) and shapes (the keys of an object, in order) are numbered by first use
 * on the lane, and defined behind the records of the batch that uses them first. Numbers are
 * little-endian.
 */

// Kinds of record.
export const CAST = 0; // via, key, op, arg
export const CALL = 1; // via, key, op, arg, from, deadline
export const REPLY = 2; // from, ok, value
export const EXIT = 3; // to, from, reason, linked
export const LINK = 4; // to, from
export const UNLINK = 5; // to, from
export const MONITOR = 6; // id, via, key
export const DEMONITOR = 7; // id
export const DOWN = 8; // id, ref, reason
export const STOP = 9; // via, key, reason
export const CHAIN = 10; // from, [ref, message, ...]: of the CALL that follows
/** A CAST (from 0) or CALL that is traced: trace id, span id, [messages from the root, ms when it was sent], from, deadline, then as CAST. */
export const TRACED = 11;

// Tags of values. Sizes: u8, u16, u32 behind the tag.
export const NULL = 128;
export const UNDEFINED = 129;
export const FALSE = 130;
export const TRUE = 131;
export const INT32 = 132;
export const DOUBLE = 133;
/** ASCII: u8 or u32 bytes. */
export const ASCII8 = 134;
export const ASCII32 = 135;
/** u32 bytes. */
export const UTF8 = 136;
/** u32 bytes; for lone surrogates, which UTF-8 cannot hold. */
export const UTF16 = 137;
export const BYTES8 = 138;
export const BYTES32 = 139;
export const ARRAY8 = 140;
export const ARRAY32 = 141;
/** u16 shape, then the values. */
export const OBJECT = 142;
/** u32 pairs, then key and value of each: an object whose shape is not worth a number. */
export const PAIRS = 143;
/** u32 bytes of a structured clone: Date, Set, Map, bigint and what else is rare. */
export const RARE = 144;

// Name numbers.
export const NAME_REF = 0;
export const NAME_EMPTY = 1;
/** Of the first name that was given a number. */
export const NAME_FIRST = 2;
/** The name itself follows: the table is full. */
export const NAME_INLINE = 0xffff;

// Definitions.
export const DEFINE_NAME = 1;
export const DEFINE_SHAPE = 2;

export const HEADER_BYTES = 8;
/** Bounds of the tables of a lane; what comes later is spelled out each time. Ours use below 100 each. */
export const NAMES_MAX = 4096;
export const SHAPES_MAX = 1024;
/** Steps from key to key that all shapes of a lane may have together. */
export const STEPS_MAX = 8192;
/** Longer keys, and such that begin with a digit, are ids rather than names of fields. */
export const FIELD_NAME_MAX = 32;
/** Values nested deeper are refused; also ends circles. */
export const DEPTH_MAX = 500;
