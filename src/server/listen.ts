import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { type Address, printAddress } from '../base/address.ts';
import { LoggosError } from '../base/errors.ts';

const idleLookMs = 20;

/**
 * Fails where somebody listens at an address already: asked before any data is touched.
 * @throws LoggosError `in-use`, `usage`
 */
export async function checkFree(address: Address): Promise<void> {
  const probe = createServer();
  await listen(probe, address);
  probe.close();
  await once(probe, 'close');
}

/** Port 0 takes a free one. @returns the URL that the server answers at. @throws LoggosError `in-use`, `usage` */
export async function listen(server: Server, { host, port }: Address): Promise<string> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    throw refusal(host, port, error as NodeJS.ErrnoException);
  }
  const bound = server.address();
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
  return `http://${printAddress({ host, port: boundPort })}`;
}

/** Stops accepting; resolves when every connection is gone, the latest after `withinMs`. */
export async function closeServer(server: Server & ConnectionsOwner, withinMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A connection becomes idle when its last answer ends, also after the close.
  const idle = setInterval(() => server.closeIdleConnections(), idleLookMs);
  const cut = setTimeout(() => server.closeAllConnections(), withinMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}

interface ConnectionsOwner {
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

function refusal(host: string, port: number, error: NodeJS.ErrnoException): LoggosError {
  if (error.code === 'EADDRINUSE') {
    return new LoggosError(
      'in-use',
      `${host}:${port} is taken by another process: choose another by --http`,
      {},
      error,
    );
  }
  return new LoggosError('usage', `cannot listen at ${host}:${port}: ${error.message}`, {}, error);
}
