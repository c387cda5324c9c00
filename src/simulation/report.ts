import type { CampaignReport, FailedSeed } from './campaign.ts';
import type { SeedResult } from './seed-result.ts';
import { rerunLine, type Shrunk } from './shrink.ts';
import type { Totals } from './totals.ts';
import { faultKindNames } from './world/fault-kinds.ts';

const widthMax = 110;

/** A failure with what was found out about it afterwards. */
export interface ExplainedFailure extends FailedSeed {
  readonly shrunk?: Shrunk;
  /** Where two processes parted. */
  readonly divergence?: readonly string[];
}

/** How far it is, in one line. */
export function stateLine(totals: Totals, failures: number): string {
  return [
    `${count(totals.seeds)} ${totals.seeds === 1 ? 'seed' : 'seeds'} (${totals.seedsPerSecond.toFixed(1)}/s)`,
    `${count(totals.eventsPerCoreSecond)} events/s a core`,
    `time ${count(totals.timesReal)} × real`,
    `${count(failures)} failed`,
  ].join(', ');
}

/** A run in which nothing failed: the trace where it was asked for, and what it did. */
export function resultLines(result: SeedResult): string[] {
  return [...(result.trace ?? []), resultLine(result)];
}

/** What one seed did, in one line. */
function resultLine(result: SeedResult): string {
  return [
    `seed ${result.seed}: ${result.replicas} replicas`,
    `${count(result.operations)} operations`,
    `${count(result.events)} events`,
    `${(result.virtualMs / 1_000).toFixed(1)} s of their time`,
    `trace ${result.traceHash === '' ? 'lost' : result.traceHash}`,
    result.failure === undefined ? 'nothing failed' : 'FAILED',
  ].join(', ');
}

/** What is said at the end of many seeds; failures are said by `failureLines`. */
export function summaryLines({ totals, failed }: CampaignReport): string[] {
  const { coverage } = totals;
  const counts = Object.entries(coverage.counts()).filter(([, times]) => times > 0);
  const isFault = new Set<string>(faultKindNames);
  const listed = (title: string, isListed: (name: string) => boolean): string[] =>
    wrapped(
      title,
      counts.flatMap(([name, times]) => (isListed(name) ? [`${name} ${count(times)}`] : [])),
    );
  const zeros = coverage.zeros();
  return [
    ...listed('faults', (name) => isFault.has(name)),
    ...listed('reached', (name) => !isFault.has(name)),
    ...(zeros.length === 0 ? [] : wrapped(totals.holes().length === 0 ? 'never yet' : 'NEVER', zeros)),
    `did       ${count(totals.operations)} operations, ${count(totals.events)} events, ${count(totals.virtualMs / 1_000)} s of virtual time`,
    `took      ${totals.seconds.toFixed(1)} s; ${count(totals.repeated)} ${totals.repeated === 1 ? 'seed was' : 'seeds were'} run twice and compared`,
    stateLine(totals, failed.length),
  ];
}

/** All that is known at the end, for programs. */
export function reportJson({ totals, failed }: { totals: Totals; failed: readonly ExplainedFailure[] }): object {
  return {
    seeds: totals.seeds,
    repeated: totals.repeated,
    seconds: totals.seconds,
    seedsPerSecond: totals.seedsPerSecond,
    eventsPerCoreSecond: totals.eventsPerCoreSecond,
    timesReal: totals.timesReal,
    operations: totals.operations,
    events: totals.events,
    virtualMs: totals.virtualMs,
    coverage: totals.coverage.counts(),
    holes: totals.holes(),
    failures: failed.map(({ options, result, failure, shrunk, divergence }) => ({
      options,
      result,
      failure,
      shrunk,
      divergence,
      again: rerunLine(options),
    })),
  };
}

/** A failure to read: what, the last lines before it, and how to see it again; the same of the smaller form where there is one. */
export function failureLines(failed: ExplainedFailure, traceLines: number): string[] {
  const { options, result, failure, shrunk, divergence = [] } = failed;
  const smaller = shrunk?.result.failure;
  const isSmaller = shrunk !== undefined && smaller !== undefined && shrunk.options !== options;
  const shown = (trace: readonly string[]): string[] => last(trace, traceLines).map((line) => `  ${line}`);
  // Each text stands above the line that repeats it: the smaller run breaks the same rule, often with other words.
  const whole = [
    '',
    `FAILED ${failure.message}`,
    ...(isSmaller ? [] : shown(failure.trace)),
    ...divergence.map((line) => `  ${line}`),
    resultLine(result),
    `again: ${rerunLine(options)}`,
  ];
  if (!isSmaller) return whole;
  const { replicas, operations, faults } = shrunk.result;
  return [
    ...whole,
    '',
    `smaller, after ${shrunk.runs} runs: ${replicas} replicas, ${operations} operations, faults: ${faults.join(' ') || 'none'}`,
    `FAILED ${smaller.message}`,
    ...shown(smaller.trace),
    `again, smaller: ${rerunLine(shrunk.options, faults)}`,
  ];
}

/** The last `count` of a list. */
function last<Item>(items: readonly Item[], count: number): readonly Item[] {
  return items.slice(Math.max(0, items.length - count));
}

/** 1,234,567 */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A title, and items in lines that fit. */
function wrapped(title: string, items: readonly string[]): string[] {
  const lines: string[] = [];
  let line = title.padEnd(10);
  items.forEach((item, index) => {
    const text = index === items.length - 1 ? item : `${item}, `;
    if (line.length + text.length > widthMax) {
      lines.push(line.trimEnd());
      line = ' '.repeat(10);
    }
    line += text;
  });
  return items.length === 0 ? [] : [...lines, line];
}
