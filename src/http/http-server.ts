import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Express } from 'express';
import type { LoggosError } from '../base/errors.ts';
import { tooLarge } from './body.ts';
import type { HttpApp } from './http-app.ts';
import { OpenConnections } from './open-connections.ts';
import { problemAnswer } from './problem-answer.ts';
import { Refusal } from './refusal.ts';
import { headFlaw } from './request-head.ts';
import { SilentSockets } from './silent-sockets.ts';

/** Bounds of connections; defaults in `defaultServerLimits`. */
export interface ServerLimits {
  /** From the first byte of a request to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the end of its body. Answers (streams, tars) may take any time. */
  readonly requestTimeoutMs: number;
  /** An idle connection between requests. Longer than proxies keep theirs, so that none is cut while it is taken. */
  readonly keepAliveMs: number;
  /** A connection that has sent no whole request head yet. Node's own limits begin only at the first byte. */
  readonly silentMs: number;
  /** Of such silent connections; the oldest makes room. */
  readonly silentMax: number;
  /** All connections; more are dropped at once. */
  readonly connectionsMax: number;
  /** Of one address that is not loopback, and of a /64 of IPv6; 0: no limit of its own. */
  readonly perAddressMax: number;
}

export const defaultServerLimits: ServerLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveMs: 65_000,
  silentMs: 30_000,
  silentMax: 1_000,
  connectionsMax: 10_000,
  perAddressMax: 1_000,
};

/** How often Node looks for requests that are too slow. */
const checkingIntervalMs = 1_000;
/** Of one request, its target with them. */
const headerBytesMax = 8_192;

/**
 * A server for the app, not listening yet. Requests are made with Express's prototypes at once: switching them for
 * each request costs more than routing it.
 */
export function createHttpServer(app: HttpApp, limits: ServerLimits = defaultServerLimits): Server {
  const { express, services } = app;
  class AppRequest extends IncomingMessage {}
  class AppResponse extends ServerResponse<AppRequest> {}
  Object.setPrototypeOf(AppRequest.prototype, express.request);
  Object.setPrototypeOf(AppResponse.prototype, express.response);
  express.request = AppRequest.prototype as unknown as Express['request'];
  express.response = AppResponse.prototype as unknown as Express['response'];

  const silent = new SilentSockets(limits.silentMs, limits.silentMax, services.clock);
  const connections = new OpenConnections({
    clock: services.clock,
    observer: services.observer,
    perAddressMax: limits.perAddressMax,
    slowReaderMs: services.settings.slowReaderMs,
  });
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    silent.spoke(request.socket);
    const flaw = headFlaw(request);
    if (flaw !== undefined) {
      refuse(request, response, flaw);
      return;
    }
    app.serve(request, response);
  };
  const server = createServer(
    {
      IncomingMessage: AppRequest,
      ServerResponse: AppResponse,
      maxHeaderSize: headerBytesMax,
      connectionsCheckingInterval: checkingIntervalMs,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      noDelay: true,
      // Refused below with a problem instead of an empty answer.
      requireHostHeader: false,
    },
    serve,
  );
  server.maxConnections = limits.connectionsMax;
  // No limit: a connection that is reused for ever costs less than ones that are made anew.
  server.maxRequestsPerSocket = 0;
  server.on('connection', (socket) => {
    if (connections.connected(socket)) silent.connected(socket);
  });
  // A body that is too large is refused before it is sent.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const { bodyBytesMax } = services.settings;
    if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) {
      refuse(request, response, tooLarge(bodyBytesMax));
      return;
    }
    response.writeContinue();
    serve(request, response);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    refuse(request, response, new Refusal('malformed-request', 'the expectation is not known', { status: 417 }));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => refuseRaw(error, socket));
  server.on('close', () => {
    silent.close();
    connections.close();
  });

  function refuse(request: IncomingMessage, response: ServerResponse, error: LoggosError): void {
    silent.spoke(request.socket);
    const { status, headers, body = '' } = problemAnswer(error, services.ids());
    response
      .writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' })
      .end(body);
  }

  /** What the parser refused has no request and no response: the answer is written by hand, and the connection ends. */
  function refuseRaw(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const { status, phrase, message } = rawRefusals[error.code ?? ''] ?? unparsable;
    const answer = problemAnswer(new Refusal('malformed-request', message, { status }), services.ids());
    services.observer.count('http_malformed_requests_total');
    const body = answer.body ?? '';
    const headers = `Content-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close`;
    socket.end(`HTTP/1.1 ${status} ${phrase}\r\n${headers}\r\n\r\n${body}`);
  }

  return server;
}

interface RawRefusal {
  readonly status: number;
  readonly phrase: string;
  readonly message: string;
}

const unparsable: RawRefusal = { status: 400, phrase: 'Bad Request', message: 'this is not HTTP/1.1' };
const rawRefusals: Readonly<Record<string, RawRefusal>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    phrase: 'Request Header Fields Too Large',
    message: `the headers have more than ${headerBytesMax / 1_024} KiB`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, phrase: 'Request Timeout', message: 'the request came too slowly' },
};
