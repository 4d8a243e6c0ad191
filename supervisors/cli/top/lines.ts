/**
 * Owns the text of the table's lines. The line of a row that has not changed is not made again: rows are replaced, never
 * mutated, so that the row object itself is the key of its line. Pure but for that cache, which lives as long as its rows.
 */
import type { TreeRow } from '../../admin/types.ts';
import { padded, safe } from '../text.ts';
import type { CellContext, Layout } from './columns.ts';
import type { Paint } from './style.ts';
import { type Entry, nameOf } from './view.ts';

interface Kept {
  readonly key: string;
  readonly text: string;
}

export class TableLines {
  readonly #paint: Paint;
  #layout: Layout;
  #kept = new WeakMap<TreeRow, Kept>();

  constructor(layout: Layout, paint: Paint) {
    this.#layout = layout;
    this.#paint = paint;
  }

  get layout(): Layout {
    return this.#layout;
  }

  /** Another width of the screen: every line is made anew. */
  set layout(layout: Layout) {
    this.#layout = layout;
    this.#kept = new WeakMap();
  }

  /** The names of the columns, the sorted one marked. */
  head(sorted: string, isReversed: boolean): string {
    const { nameWidth, columns } = this.#layout;
    const mark = (id: string, head: string): string =>
      id === sorted ? `${head}${isReversed ? '\u25b4' : '\u25be'}` : head;
    const cells = columns.map(({ id, head, width, align }) => padded(mark(id, head), width, align));
    return this.#paint('head', [padded(mark('name', 'NAME'), nameWidth), ...cells].join(' '));
  }

  /** The line of one row. */
  line(entry: Entry, isChosen: boolean, context: CellContext): string {
    const { row, depth, isOpen } = entry;
    // What ages by itself is as old as its minute.
    const minute = this.#layout.columns.some(({ ages }) => ages)
      ? Math.floor(context.now / 60_000)
      : 0;
    const key = `${depth} ${isOpen} ${isChosen} ${minute}`;
    const kept = this.#kept.get(row);
    if (kept?.key === key) return kept.text;
    const text = isChosen ? this.#chosen(entry, context) : this.#plain(entry, context);
    this.#kept.set(row, { key, text });
    return text;
  }

  #plain(entry: Entry, context: CellContext): string {
    const { nameWidth, columns } = this.#layout;
    let line = padded(shownName(entry), nameWidth);
    const { row } = entry;
    if (row.kind === 'more') return this.#paint('faint', line);
    if (row.state === 'down' || row.state === 'hung') line = this.#paint('bad', line);
    for (const column of columns) {
      const cell = padded(column.cell(row, context), column.width, column.align);
      line += ` ${this.#paint(column.style?.(row, context) ?? 'plain', cell)}`;
    }
    return line;
  }

  /** One colour from edge to edge. */
  #chosen(entry: Entry, context: CellContext): string {
    const { width, nameWidth, columns } = this.#layout;
    const cells = columns.map((column) =>
      padded(
        entry.row.kind === 'more' ? '' : column.cell(entry.row, context),
        column.width,
        column.align,
      ),
    );
    const line = [padded(shownName(entry), nameWidth), ...cells].join(' ');
    return this.#paint('chosen', padded(line, width));
  }
}

function shownName({ row, depth, isOpen }: Entry): string {
  const mark = isOpen === null ? ' ' : isOpen ? '\u25be' : '\u25b8';
  return `${'  '.repeat(depth)}${mark} ${safe(nameOf(row))}`;
}
