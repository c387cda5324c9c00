import type { ErrorCode, ErrorFacts } from '../../base/errors.ts';

/** A document's latest state; a deleted one keeps its row with an empty body. */
export interface DocumentRow {
  readonly collection: string;
  readonly documentId: string;
  readonly revision: number;
  /** Of the event that wrote this revision. */
  readonly position: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly deleted: boolean;
  /** Positions of the latest *earlier* revisions divisible by 1, 4, 16, 64 … (repeats left out), newest first. */
  readonly back: readonly number[];
  /** Compact JSON text as stored and answered; empty where deleted. */
  readonly body: string;
}

/** One history of this database and where it began: positions above `fork` belong to it (until the next one's fork). */
export interface HistoryFork {
  readonly id: string;
  /** 0 for the first. */
  readonly fork: number;
}

/** Numbers that can change a result: replicated, changed only by a chosen value. */
export interface Settings {
  readonly documentBytesMax: number;
  readonly keysMax: number;
  readonly depthMax: number;
  readonly dedupeWindowMs: number;
  readonly dedupeEntriesMax: number;
}

/** The running state of the machine beside its rows. Never mutated. */
export interface MachineState {
  readonly instance: number;
  /** Of the last instance with a time; milliseconds since 1970; 0 before. */
  readonly time: number;
  readonly position: number;
  /** c_position: 32 bytes. */
  readonly chain: Uint8Array;
  /** f_instance: 32 bytes. */
  readonly fingerprint: Uint8Array;
  /** Of the newest dedupe entry; 0: none yet. */
  readonly dedupeOrdinal: number;
  /** Oldest first; never empty. */
  readonly histories: readonly HistoryFork[];
  readonly settings: Settings;
}

/** A remembered outcome of a proposal with an idempotency key. */
export interface DedupeEntry {
  readonly actor: string;
  readonly key: string;
  /** 0 except in bulk. */
  readonly line: number;
  readonly ordinal: number;
  readonly time: number;
  readonly instance: number;
  /** Of the first event; for a rejection the last position then. */
  readonly position: number;
  readonly outcome: 'applied' | 'rejected';
  /** SHA-256 of the request as sent: 32 bytes. */
  readonly requestHash: Uint8Array;
  /** JSON: revisions, a made id, problem facts; never a body. */
  readonly result: string;
}

/** What must be true of a document before a write. */
export type Precondition =
  | { readonly kind: 'none' }
  /** `If-None-Match: *`, `create`, `ifRevision: 0`: absent or deleted. */
  | { readonly kind: 'absent' }
  /** `If-Match: *`: present and not deleted. */
  | { readonly kind: 'present' }
  /** `If-Match`: the row's tag text (without quotes or `W/`) is one of these: `7`, or `7-<first 6 of the history id>`. */
  | { readonly kind: 'tags'; readonly tags: readonly string[] }
  /** `If-None-Match` with tags on a write: the row's tag is none of these. */
  | { readonly kind: 'not-tags'; readonly tags: readonly string[] };

export type OperationKind = 'put' | 'create' | 'merge' | 'patch' | 'delete' | 'restore' | 'check';

/** One document's part of a proposal. A `check` has an empty payload and makes no event. */
export interface ProposedOperation {
  readonly kind: OperationKind;
  readonly collection: string;
  readonly documentId: string;
  readonly precondition: Precondition;
  /** The payload's text as FORMATS has it: from `"id":` on, `"document"` or `"patch"` last, without braces around. */
  readonly payload: string;
  /** Where the document's or patch's JSON begins in `payload` (UTF-16 index); `payload.length` where there is none. */
  readonly contentStart: number;
  /** 16 bytes; empty for a `check`. */
  readonly salt: Uint8Array;
}

/** What a client asks. */
export interface DocumentProposal {
  readonly kind: 'write';
  /** nanoid, made at the door. The k-th event of a transaction has the id `<id>.<k>` (k from 0) in its payload. */
  readonly id: string;
  readonly actor: string;
  readonly idempotency?: { readonly key: string; readonly line: number; readonly requestHash: Uint8Array };
  readonly transaction: boolean;
  readonly operations: readonly ProposedOperation[];
}

export interface SettingsProposal {
  readonly kind: 'settings';
  readonly settings: Partial<Settings>;
}

/** One operation that was done. For a `check`: the document as it stood (revision 0, position 0: never was). */
export interface OperationResult {
  readonly documentId: string;
  readonly revision: number;
  readonly position: number;
  /** The document did not exist, or was deleted, before. */
  readonly created: boolean;
  /** The entity tag's text without quotes. */
  readonly tag: string;
}

/** What became of one proposal; the same on every replica, now and when it is replayed. */
export type ProposalOutcome =
  | {
      readonly kind: 'applied';
      readonly instance: number;
      readonly time: number;
      /** The last position of its events; where it made none (only checks), the last position then. */
      readonly position: number;
      readonly results: readonly OperationResult[];
      /** An earlier proposal with this key was applied; nothing was done now. */
      readonly replayed: boolean;
    }
  | {
      readonly kind: 'rejected';
      readonly instance: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly facts: ErrorFacts;
      readonly position: number;
      readonly replayed: boolean;
    };

/** One event, printed. */
export interface EventEffect {
  readonly position: number;
  /** The line without its newline: what history keeps and the API answers with. */
  readonly line: string;
  readonly collection: string;
  readonly documentId: string;
}

/** All that executing one instance did. */
export interface InstanceEffects {
  readonly instance: number;
  /** After it. */
  readonly state: MachineState;
  readonly outcomes: readonly ProposalOutcome[];
  readonly events: readonly EventEffect[];
  /** One a changed document: its last. */
  readonly rows: readonly DocumentRow[];
  readonly dedupe: readonly DedupeEntry[];
}

/**
 * The one function set through which execution reads what earlier instances left. What it answers may depend only on
 * the instance, never on how far this replica's Replayer is.
 */
export interface StateView {
  row(collection: string, documentId: string): DocumentRow | undefined;
  /** The entry as stored, in or out of the window: the machine judges that. */
  dedupe(actor: string, key: string, line: number): DedupeEntry | undefined;
}
