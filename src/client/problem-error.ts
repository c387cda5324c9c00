import { problems } from '../api/problems.ts';

const adviceByCode: ReadonlyMap<string, string> = new Map(
  Object.entries(problems).map(([code, { advice }]) => [code, advice]),
);

/** What the server answered with instead of what was asked: an RFC 9457 problem. Look at `code`, never at the text. */
export class ProblemError extends Error {
  readonly status: number;
  /** The last part of the problem's type, such as `revision-conflict`; `http-<status>` where a proxy answered. */
  readonly code: string;
  /** Every member of the problem: `currentRevision`, `lastCommonPosition`, `retryAfter` … */
  readonly facts: Readonly<Record<string, unknown>>;
  constructor(status: number, code: string, message: string, facts: Readonly<Record<string, unknown>>) {
    super(message);
    this.name = 'ProblemError';
    this.status = status;
    this.code = code;
    this.facts = facts;
  }
}

/** Nobody answered at the address, or the connection broke; whether a write was done is unknown. */
export class UnreachableError extends Error {
  readonly url: string;
  constructor(url: string, cause: unknown) {
    super(`no answer from ${url}: ${reasonOf(cause)}`, { cause });
    this.name = 'UnreachableError';
    this.url = url;
  }
}

/** The problem that a response carries, whoever wrote it. */
export async function problemOf(response: Response): Promise<ProblemError> {
  const text = await response.text().catch(() => '');
  const facts = parseObject(text);
  const code = typeof facts.code === 'string' ? facts.code : `http-${response.status}`;
  return new ProblemError(response.status, code, messageOf(code, facts) || `status ${response.status}`, facts);
}

/** The detail says what happened and what to do; only one that is advice alone needs the title before it. */
function messageOf(code: string, { title, detail }: Readonly<Record<string, unknown>>): string {
  const isWhole = typeof detail === 'string' && detail !== '' && detail !== adviceByCode.get(code);
  const parts = isWhole ? [detail] : [title, detail];
  return parts.filter((part) => typeof part === 'string' && part !== '').join('. ');
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : {};
  } catch {
    return {};
  }
}

/** `fetch` hides the reason one or two causes deep. */
function reasonOf(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause !== undefined) innermost = innermost.cause;
  if (innermost instanceof AggregateError) innermost = innermost.errors[0];
  return innermost instanceof Error ? innermost.message : String(innermost);
}
