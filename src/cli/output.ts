import { stderr, stdout } from 'node:process';

/** A column: its title, and how a row fills it. */
export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => string | number | null;
}

/** Whether a person reads: then tables and indented JSON, else a line an item. */
export function isForPeople(options: { readonly json?: boolean }): boolean {
  return options.json !== true && stdout.isTTY === true;
}

/** JSON text as it came, or indented for people. */
export function printJson(text: string, options: { readonly json?: boolean }): void {
  print(isForPeople(options) ? JSON.stringify(JSON.parse(text), undefined, 2) : text);
}

/** One JSON value a line where it was asked for, else a table, also into a pipe. */
export function printRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: { readonly json?: boolean },
): void {
  if (options.json === true) for (const row of rows) print(JSON.stringify(row));
  else print(table(rows, columns));
}

/** Events and the like: one JSON value a line, or for people a table. */
export function printItems<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: { readonly json?: boolean },
): void {
  printRows(rows, columns, { json: !isForPeople(options) });
}

/** Beside the output, for whoever reads along. */
export function note(line: string): void {
  stderr.write(`${line}\n`);
}

export function print(line: string): void {
  stdout.write(`${line}\n`);
}

/** `1 segment`, `2 segments`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `1.5 MiB`. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ of }) => visible(String(of(row) ?? '-')))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  return cells
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Ids may hold anything: control characters are shown, never sent to a terminal. */
function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those are looked for
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, (character) => JSON.stringify(character).slice(1, -1));
}
