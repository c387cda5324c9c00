import { type ErrorCode, type ErrorFacts, LoggosError } from '../base/errors.ts';

/** A request that the REST interface itself refuses: a `LoggosError` that may also say headers or a nearer status. */
export class Refusal extends LoggosError {
  readonly headers: Readonly<Record<string, string>>;
  /** In place of the code's own status, where HTTP has a nearer one. */
  readonly status: number | undefined;
  /** In place of the code's own, where it would mislead. */
  readonly advice: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly facts?: ErrorFacts;
      readonly headers?: Readonly<Record<string, string>>;
      readonly status?: number;
      readonly advice?: string;
    } = {},
  ) {
    super(code, message, options.facts);
    this.name = 'Refusal';
    this.headers = options.headers ?? {};
    this.status = options.status;
    this.advice = options.advice;
  }
}

/** A query parameter or header that cannot be taken. */
export function invalidParameter(parameter: string, message: string, status?: number): Refusal {
  return new Refusal('invalid-parameter', message, {
    facts: { parameter },
    ...(status === undefined ? {} : { status }),
  });
}

/** The client hung up while its request was read: there is nobody to answer. */
export class ClientGone extends Error {
  constructor() {
    super('the client closed the connection');
    this.name = 'ClientGone';
  }
}
