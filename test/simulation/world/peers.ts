import type { CloseReason, Connection } from '../../../src/base/network.ts';
import { handsOf, testRoom, words } from './test-room.ts';

/** One end of a connection, and what it was told. */
export interface Peer {
  readonly connection: Connection;
  readonly heard: string[];
  drains: number;
  closed: CloseReason | undefined;
}

export function peerOf(connection: Connection): Peer {
  const peer: Peer = { connection, heard: [], drains: 0, closed: undefined };
  connection.receive({
    onData: (bytes) => peer.heard.push(words(bytes)),
    onDrain: () => {
      peer.drains += 1;
    },
    onClose: (reason) => {
      peer.closed = reason;
    },
  });
  return peer;
}

/** Two machines, and a connection from `aalto` to `koski`. Faults of the network strike only what is sent on it. */
export async function connected(options: Parameters<typeof testRoom>[0] = {}) {
  const room = await testRoom({ ...options, faults: {} });
  const servers: Peer[] = [];
  await room.settled(handsOf(room, 'koski').network.listen((connection) => servers.push(peerOf(connection))));
  const connect = async () => {
    const client = peerOf(await room.settled(handsOf(room, 'aalto').network.connect('koski')));
    const server = servers.at(-1);
    if (server === undefined) throw new Error('nobody was connected to');
    return { client, server };
  };
  const { client, server } = await connect();
  room.fate.dials = { ...room.fate.dials, faults: { ...room.fate.dials.faults, ...options.faults } };
  return { room, client, server, connect };
}
