import type { Peer } from '../paxos/peer.ts';
import { frameHeadBytes } from './frame.ts';
import { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

// The first frame of a connection, in both directions; version 1 is its first byte.

/** Who speaks, and for which database's group. */
export interface Hello {
  readonly database: string;
  readonly peer: Peer;
}

const version = 1;
/** More than any hello takes: a connection that did not say who it is may send no more. */
export const helloBytesMax = 4096;

/** With room for a frame's head in front. */
export function encodeHello({ database, peer }: Hello): Buffer {
  const writer = new WireWriter(frameHeadBytes);
  writer.byte(version);
  writer.text(database);
  writer.integer(peer.replica);
  writer.text(peer.incarnation);
  writer.text(peer.session);
  writer.flag(peer.clusterId !== undefined);
  writer.text(peer.clusterId ?? '');
  writer.ballot(peer.promised);
  writer.integer(peer.lastInstance);
  writer.flag(peer.isDoubtful);
  return writer.finish();
}

/** @returns undefined where the bytes are no hello of this version */
export function decodeHello(bytes: Uint8Array): Hello | undefined {
  const reader = new WireReader(bytes);
  if (reader.byte() !== version) return undefined;
  const database = reader.text();
  const replica = reader.integer();
  const incarnation = reader.text();
  const session = reader.text();
  const hasClusterId = reader.flag();
  const clusterId = reader.text();
  const promised = reader.ballot();
  const lastInstance = reader.integer();
  const isDoubtful = reader.flag();
  if (!reader.isWhole || replica < 1 || !/^[0-9a-f]{16}$/.test(incarnation)) return undefined;
  const peer: Peer = { replica, incarnation, session, promised, lastInstance, isDoubtful };
  return { database, peer: hasClusterId ? { ...peer, clusterId } : peer };
}
