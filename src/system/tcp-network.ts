import { once } from 'node:events';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { type Address, isLoopback, parseAddress, printAddress } from '../base/address.ts';
import { type Connection, type Network, NetworkError, type NetworkErrorKind } from '../base/network.ts';
import type { Observer } from '../base/observer.ts';
import { TcpConnection } from './tcp-connection.ts';
import { clientOptions, proofOf, serverOptions, type TcpSecurity } from './tcp-security.ts';

/** Where this process listens, and how it speaks. */
export interface TcpNetworkOptions extends Address {
  readonly security: TcpSecurity;
  readonly observer: Observer;
  /** How long a connection may take to stand, its handshake too, in milliseconds. */
  readonly connectTimeoutMs?: number;
}

const defaultConnectTimeoutMs = 3_000;
/** Handshakes under way; one more cuts the oldest off, so that nobody is kept out by those who dawdle. */
const handshakesMax = 32;
/** Failed handshakes are counted, and said no more often than this, in milliseconds. */
const sayEveryMs = 10_000;

/** TCP, plain or under TLS, as the network of one process. An address is `host:port`, `[host]:port` for IPv6. */
export class TcpNetwork implements Network {
  readonly #options: TcpNetworkOptions;
  readonly #connectTimeoutMs: number;
  /** By where each comes from, oldest first. */
  readonly #handshakes = new Map<string, Socket>();
  #server: Server | undefined;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: TcpNetworkOptions) {
    this.#options = options;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs;
  }

  async listen(onConnection: (connection: Connection) => void): Promise<void> {
    const { host, port, security } = this.#options;
    const tls = serverOptions(security);
    const server =
      tls === undefined
        ? createServer((socket) => onConnection(new TcpConnection(socket, addressOf(socket))))
        : this.#listenTls(createTlsServer({ ...tls, handshakeTimeout: this.#connectTimeoutMs }), onConnection);
    try {
      server.listen({ host, port });
      await once(server, 'listening');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const kind = code === 'EADDRINUSE' ? 'in-use' : 'unreachable';
      throw new NetworkError(kind, `${host}:${port}`, `cannot listen at ${host}:${port}: ${message}`, error);
    }
    // A connection that failed before it was taken is nobody's.
    server.on('error', () => undefined);
    this.#server = server;
  }

  stopListening(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#handshakes.values()) socket.destroy();
    this.#handshakes.clear();
  }

  async connect(address: string): Promise<Connection> {
    const parsed = parseAddress(address);
    if (parsed === undefined || parsed.port === 0) {
      throw new NetworkError('unreachable', address, `${address} is no address: it is host:port`);
    }
    const { host, port } = parsed;
    const { security } = this.#options;
    if (security.kind === 'plain' && !security.isExposed && !isLoopback(host)) {
      const why = 'without TLS a replica speaks to its own machine alone';
      throw new NetworkError('untrusted', address, `${address} is not dialled: ${why}`);
    }
    const tls = clientOptions(security);
    if (tls === undefined) {
      const socket = connectTcp({ host, port });
      await this.#established(address, socket, 'connect');
      return new TcpConnection(socket, address);
    }
    const socket = connectTls({ ...tls, host, port });
    await this.#established(address, socket, 'secureConnect');
    // In TLS 1.3 the one that dialled has finished before the other has looked at its certificate.
    socket.on('error', (error) => this.#sayRefused(address, error));
    return new TcpConnection(socket, address, proofOf(security, socket));
  }

  /** @throws NetworkError */
  async #established(address: string, socket: Socket, event: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      const within = `${this.#connectTimeoutMs / 1_000} s`;
      reject(new NetworkError('unreachable', address, `${address} did not answer within ${within}`));
    }, this.#connectTimeoutMs);
    const fail = (error: unknown) => reject(this.#failure(address, error));
    socket.once(event, resolve);
    socket.once('error', fail);
    try {
      await promise;
      socket.off('error', fail);
    } catch (error) {
      socket.on('error', () => undefined);
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #listenTls(server: Server, onConnection: (connection: Connection) => void): Server {
    server.on('connection', (socket: Socket) => {
      const from = addressOf(socket);
      const [oldest] = this.#handshakes.values();
      if (this.#handshakes.size >= handshakesMax) oldest?.destroy();
      this.#handshakes.set(from, socket);
      socket.once('close', () => {
        if (this.#handshakes.get(from) === socket) this.#handshakes.delete(from);
      });
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      const from = addressOf(socket);
      this.#handshakes.delete(from);
      onConnection(new TcpConnection(socket, from, proofOf(this.#options.security, socket)));
    });
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      this.#options.observer.count('transport_handshakes_failed_total');
      this.#say(addressOf(socket), error);
    });
    return server;
  }

  #failure(address: string, error: unknown): NetworkError {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const kind: NetworkErrorKind =
      code === 'ECONNREFUSED' ? 'refused' : isOfTls(code, message) ? 'untrusted' : 'unreachable';
    return new NetworkError(kind, address, `${address} is not reached: ${message || code}`, error);
  }

  #sayRefused(address: string, error: NodeJS.ErrnoException): void {
    if (isOfTls(error.code ?? '', error.message)) this.#say(address, error);
  }

  /** Whoever floods with bad handshakes does not fill the log. */
  #say(address: string, { message }: Error): void {
    const nowMs = performance.now();
    if (nowMs - this.#saidAtMs < sayEveryMs) return;
    this.#saidAtMs = nowMs;
    this.#options.observer.report('warn', 'handshake-failed', { address, reason: message });
  }
}

function addressOf({ remoteAddress = 'nowhere', remotePort = 0 }: Socket): string {
  return printAddress({ host: remoteAddress, port: remotePort });
}

/** Codes of certificates have many names; those of the connection itself begin with E and one word. */
function isOfTls(code: string, message: string): boolean {
  return (
    code.startsWith('ERR_SSL') ||
    code === 'EPROTO' ||
    /certificate|TLS connection/i.test(message) ||
    /^(CERT|UNABLE|DEPTH|SELF)/.test(code)
  );
}
