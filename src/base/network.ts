/**
 * Connections between replicas, as TCP gives them: bytes in order, or a connection that ends. The real ones are in
 * `system/`; the simulator has its own. Who may speak, and what the bytes mean, is not decided here.
 */
export interface Network {
  /**
   * Takes connections at this process's own address, until `stopListening`. `onConnection` must call `receive` of the
   * connection at once.
   * @throws NetworkError `in-use`: somebody listens there already
   */
  listen(onConnection: (connection: Connection) => void): Promise<void>;
  /** Connections that stand are not touched. */
  stopListening(): void;
  /**
   * Gives up by itself after some seconds.
   * @throws NetworkError `refused`: nobody listens there. `unreachable`: no answer came in time. `untrusted`: whoever
   * answers is not to be spoken with
   */
  connect(address: string): Promise<Connection>;
}

/** One connection, seen from one of its ends. Nothing is delivered before `receive` was called. */
export interface Connection {
  /** Where it was connected to, or where it came from. For messages to people: it proves nothing. */
  readonly remoteAddress: string;
  /**
   * Whether the other side has proved that it is of that name. Absent: it was not asked to prove a name, and whoever
   * could connect may claim any.
   */
  readonly hasProved?: (name: string) => boolean;
  /** Bytes taken by `send` that have not left yet. */
  readonly bufferedBytes: number;
  /** A `send` is refused while this many bytes wait. One that finds nothing waiting is always taken. */
  readonly bufferBytesMax: number;
  /** Once, before any other use: who takes what arrives. */
  receive(receiver: ConnectionReceiver): void;
  /**
   * Takes all of the bytes or none; the caller must not change them after. True is no promise that they arrive.
   * False: there is no room, `onDrain` will say when there is; or the connection has ended, and `onClose` says so.
   */
  send(bytes: Uint8Array): boolean;
  /** What was taken is still sent if it can be. No handler is called after this. Nothing happens where it has ended. */
  close(): void;
}

/** What a connection tells its owner, each in its own turn, never from within a call of the owner. */
export interface ConnectionReceiver {
  /** Some of the bytes that were sent, in order; where they are cut means nothing. The receiver's to keep. */
  onData(bytes: Uint8Array): void;
  /** There is room again after a refused `send`. */
  onDrain(): void;
  /** The other side ended it, or it broke. The last call. */
  onClose(reason: CloseReason): void;
}

/** `ended`: the other side closed it. `reset`: it broke; what was sent last may or may not have arrived. */
export type CloseReason = 'ended' | 'reset';

export type NetworkErrorKind = 'refused' | 'unreachable' | 'untrusted' | 'in-use';

/** Why there is no connection. */
export class NetworkError extends Error {
  readonly kind: NetworkErrorKind;
  readonly address: string;
  constructor(kind: NetworkErrorKind, address: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'NetworkError';
    this.kind = kind;
    this.address = address;
  }
}
