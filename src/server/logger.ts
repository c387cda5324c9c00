import { type Logger, pino } from 'pino';

/** Writes one finished line. */
export type WriteLine = (line: string) => void;

const levels: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };

/**
 * Logs to stderr, synchronously, so that the last words of a process that dies are there: an entry is an object whose
 * `msg` is a stable kebab-case word, or a sentence for people.
 * @param format - `text`: a line to read; `json`: pino's lines, to collect
 */
export function createLogger(level: string, format: 'text' | 'json', write: WriteLine = writeToStderr): Logger {
  const destination = format === 'json' ? { write } : { write: (line: string) => write(readableLine(line)) };
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
    },
    destination,
  );
}

/** `12:30:01.123 info  log-opened cutBytes=0`; control characters stay escaped, so that nobody forges a line. */
function readableLine(line: string): string {
  const { time, level, msg, error, ...facts } = JSON.parse(line) as Record<string, unknown>;
  const word = (levels[Number(level)] ?? 'info').padEnd(5);
  const rest = Object.entries(facts).map(([name, value]) => ` ${name}=${printable(value)}`);
  return `${String(time).slice(11, 23)} ${word} ${printable(msg)}${rest.join('')}${readableError(error)}\n`;
}

function readableError(error: unknown): string {
  if (error === undefined) return '';
  if (typeof error !== 'object' || error === null) return ` error=${printable(error)}`;
  const { stack, message } = error as { stack?: string; message?: string };
  const lines = String(stack ?? message ?? '').split('\n');
  return lines.map((line) => `\n    ${printable(line)}`).join('');
}

/** As it is where it is plain text, else as JSON. */
function printable(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'undefined';
  return /^[\x20-\x7e\u00a0-\uffff]*$/.test(value) ? value : JSON.stringify(value);
}

function writeToStderr(line: string): void {
  try {
    process.stderr.write(line);
  } catch {
    // A reader of the log that went away must not stop the replica.
  }
}
