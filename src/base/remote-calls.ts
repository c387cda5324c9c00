import { InvariantError } from './assert.ts';
import { DiskError } from './disk.ts';
import { LoggosError } from './errors.ts';
import { TransientMap } from './transient-map.ts';

/** A message port or a worker, as far as calls need one. */
export interface CallPort {
  postMessage(message: unknown, transfer?: readonly unknown[]): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

type Handlers = Readonly<Record<string, (...parameters: never[]) => unknown>>;

interface Call {
  readonly call: number;
  readonly method: string;
  readonly parameters: unknown[];
}

type Answer =
  | { readonly answer: number; readonly value: unknown }
  | { readonly answer: number; readonly failure: Failure };

interface Failure {
  readonly type: 'loggos' | 'disk' | 'invariant' | 'other';
  readonly message: string;
  readonly code?: string;
  readonly facts?: unknown;
  readonly path?: string;
  readonly stack?: string | undefined;
}

/** Serves a set of functions to the other side of a port; calls start in the order of arrival. */
export function serveCalls(port: CallPort, handlers: Handlers): void {
  port.on('message', (message) => {
    const { call, method, parameters } = message as Call;
    if (call === undefined) return;
    void (async () => {
      try {
        const handler = handlers[method] as ((...parameters: unknown[]) => unknown) | undefined;
        if (handler === undefined) throw new InvariantError('a called method is served', { method });
        port.postMessage({ answer: call, value: await handler(...parameters) } satisfies Answer);
      } catch (error) {
        port.postMessage({ answer: call, failure: describe(error) } satisfies Answer);
      }
    })();
  });
}

/** The calling side: each call is a promise; errors arrive as the types they were thrown as. */
export class RemoteCalls {
  readonly #port: CallPort;
  readonly #waiting = new TransientMap<number, PromiseWithResolvers<unknown>>();
  #lastCall = 0;
  #closed: Error | undefined;

  constructor(port: CallPort) {
    this.#port = port;
    port.on('message', (message) => this.#onAnswer(message as Answer));
  }

  call<Value>(method: string, parameters: unknown[], transfer?: readonly unknown[]): Promise<Value> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const call = ++this.#lastCall;
    const waiter = Promise.withResolvers<unknown>();
    this.#waiting.set(call, waiter);
    this.#port.postMessage({ call, method, parameters } satisfies Call, transfer);
    return waiter.promise as Promise<Value>;
  }

  /** Fails every call that waits and every later one: the other side is gone. */
  close(reason: Error): void {
    this.#closed = reason;
    for (const waiter of this.#waiting.values()) waiter.reject(reason);
    this.#waiting.clear();
  }

  #onAnswer(answer: Answer): void {
    const waiter = this.#waiting.get(answer.answer);
    if (waiter === undefined) return;
    this.#waiting.delete(answer.answer);
    if ('failure' in answer) waiter.reject(revive(answer.failure));
    else waiter.resolve(answer.value);
  }
}

function describe(error: unknown): Failure {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (error instanceof LoggosError) return { type: 'loggos', message, stack, code: error.code, facts: error.facts };
  if (error instanceof DiskError) return { type: 'disk', message, stack, code: error.kind, path: error.path };
  if (error instanceof InvariantError) return { type: 'invariant', message, stack, facts: error.facts };
  return { type: 'other', message, stack };
}

function revive(failure: Failure): Error {
  const error = make(failure);
  if (failure.stack !== undefined) error.stack = failure.stack;
  return error;
}

function make({ type, message, code, facts, path }: Failure): Error {
  if (type === 'loggos') return new LoggosError(code as LoggosError['code'], message, facts as LoggosError['facts']);
  if (type === 'disk') return new DiskError(code as DiskError['kind'], path ?? '', message);
  if (type === 'invariant') return new InvariantError(message, facts as InvariantError['facts']);
  return new Error(message);
}
