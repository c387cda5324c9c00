/** A place in the order of events that also says which history it belongs to. */
export interface EventCursor {
  readonly position: number;
  /** First 8 characters of the id of the history that the position belongs to. */
  readonly history: string;
  /** First 8 characters of the chain hash after the position, in base64url. */
  readonly chain: string;
}

const cursorPattern = /^(0|[1-9]\d{0,15})\.([A-Za-z0-9_-]{1,8})\.([A-Za-z0-9_-]{8})$/;

/** The text of a cursor: `<position>.<first 8 of the history id>.<first 8 of the chain hash>`. */
export function formatEventCursor(position: number, historyId: string, chain: string): string {
  return `${position}.${historyId.slice(0, 8)}.${chain.slice(0, 8)}`;
}

/** Undefined where the text is no cursor. */
export function parseEventCursor(text: string): EventCursor | undefined {
  const [, digits, history, chain] = cursorPattern.exec(text) ?? [];
  if (digits === undefined || history === undefined || chain === undefined) return undefined;
  const position = Number(digits);
  return Number.isSafeInteger(position) ? { position, history, chain } : undefined;
}
