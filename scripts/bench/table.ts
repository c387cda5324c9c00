/** One figure of the bench. */
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The figure divided by what it is compared with, in the same run. */
  readonly ratio?: number;
  /** What the ratio is to, and the goal: `of bare node:http (goal 0.4)`. */
  readonly against?: string;
}

const figure = (value: number): string =>
  Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en') : value.toFixed(Math.abs(value) >= 100 ? 0 : 2);

/** The rows as a Markdown table. */
export function printTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    `${figure(row.value)} ${row.unit}`,
    row.ratio === undefined ? '' : row.ratio.toFixed(2),
    row.against ?? '',
  ]);
  const head = ['what', 'figure', 'ratio', 'to'];
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  return line(head) + line(widths.map((width) => '-'.repeat(width))) + cells.map(line).join('');
}

/** The middle of an odd number of figures; the lower middle of an even one. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((left, right) => left - right);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
