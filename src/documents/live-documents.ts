import type { DocumentRow, MachineState } from './machine/types.ts';
import type { HistoryLine } from './store/checkpoint-reader.ts';

/** What the live state keeps in memory above the durable checkpoint. */
export interface TailView {
  /** The latest row of a document changed above the checkpoint; undefined: not changed there. */
  row(collection: string, documentId: string): DocumentRow | undefined;
  /** 0 where the tail holds no event. */
  readonly firstPosition: number;
  readonly bytes: number;
  line(position: number): string | undefined;
  /** Lines above `after`, ascending, at most `countMax`. */
  lines(after: number, countMax: number): readonly HistoryLine[];
  /** Positions of one document's events in the tail, ascending; empty where there is none. */
  positionsOf(collection: string, documentId: string): readonly number[];
}

/** The document machine as its readers see it. */
export interface LiveDocuments {
  /** After the last applied instance. */
  readonly state: MachineState;
  readonly tail: TailView;
  /** The tail's row, else the checkpoint's, verified. @throws LoggosError `checkpoint-damaged` */
  row(collection: string, documentId: string): DocumentRow | undefined;
  /** Calls back after each applied instance; the answer unsubscribes. */
  onApplied(listener: () => void): () => void;
}
