import type { ReplicaId } from './ballot.ts';

/** One member of a Paxos group. */
export interface Member {
  readonly id: ReplicaId;
  readonly name: string;
  /** 16 lower-case hexadecimal digits. */
  readonly incarnation: string;
  readonly role: 'voter' | 'learner';
  /** Where other replicas dial it; empty in a group of one that never had peers. */
  readonly address: string;
}

/** Who may vote; instance 1 of every group is one. */
export interface Membership {
  readonly clusterId: string;
  /** The first history of the group's database (a restore starts others). */
  readonly historyId: string;
  readonly members: readonly Member[];
}

/**
 * What an instance holds: a no-op, a membership, or a batch of proposals to one state machine. The codec
 * (`encodeChosenValue`, `decodeChosenValue`) is the one definition of the bytes, version 1.
 */
export type ChosenValue =
  | { readonly kind: 'no-op' }
  | { readonly kind: 'membership'; readonly membership: Membership }
  | {
      readonly kind: 'batch';
      readonly machineId: number;
      /** The leader's stamp, milliseconds since 1970. */
      readonly time: number;
      readonly proposals: readonly Uint8Array[];
    };

/** The version of the bytes, their first. A replica that meets another stops: it was written by a newer one. */
const version = 1;
const kinds = { 'no-op': 0, membership: 1, batch: 2 } as const;
/** Version, kind, machine id (4), time (8), count (4). */
const batchHeaderBytes = 18;
const lengthBytes = 4;

export function encodeChosenValue(value: ChosenValue): Uint8Array {
  if (value.kind === 'no-op') return Uint8Array.of(version, kinds['no-op']);
  if (value.kind === 'membership') return encodeMembership(value.membership);
  let total = batchHeaderBytes;
  for (const proposal of value.proposals) total += lengthBytes + proposal.length;
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  bytes[0] = version;
  bytes[1] = kinds.batch;
  view.setUint32(2, value.machineId);
  view.setUint32(6, Math.floor(value.time / 2 ** 32));
  view.setUint32(10, value.time % 2 ** 32);
  view.setUint32(14, value.proposals.length);
  let offset = batchHeaderBytes;
  for (const proposal of value.proposals) {
    view.setUint32(offset, proposal.length);
    bytes.set(proposal, offset + lengthBytes);
    offset += lengthBytes + proposal.length;
  }
  return bytes;
}

/** Proposals are views of `bytes`, which must not change. @returns undefined where the bytes are not a value, whole */
export function decodeChosenValue(bytes: Uint8Array): ChosenValue | undefined {
  if (bytes.length < 2 || bytes[0] !== version) return undefined;
  if (bytes[1] === kinds['no-op']) return bytes.length === 2 ? { kind: 'no-op' } : undefined;
  if (bytes[1] === kinds.batch) return decodeBatch(bytes);
  if (bytes[1] !== kinds.membership) return undefined;
  const membership = decodeMembership(bytes.subarray(2));
  return membership === undefined ? undefined : { kind: 'membership', membership };
}

/** The membership in an encoded value; undefined where it holds something else. */
export function membershipIn(bytes: Uint8Array): Membership | undefined {
  if (bytes[1] !== kinds.membership) return undefined;
  const value = decodeChosenValue(bytes);
  return value?.kind === 'membership' ? value.membership : undefined;
}

function decodeBatch(bytes: Uint8Array): ChosenValue | undefined {
  if (bytes.length < batchHeaderBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const machineId = view.getUint32(2);
  const time = view.getUint32(6) * 2 ** 32 + view.getUint32(10);
  const count = view.getUint32(14);
  if (!Number.isSafeInteger(time) || count > (bytes.length - batchHeaderBytes) / lengthBytes) return undefined;
  const proposals: Uint8Array[] = [];
  let offset = batchHeaderBytes;
  for (let index = 0; index < count; index++) {
    const start = offset + lengthBytes;
    if (start > bytes.length) return undefined;
    offset = start + view.getUint32(offset);
    if (offset > bytes.length) return undefined;
    proposals.push(bytes.subarray(start, offset));
  }
  return offset === bytes.length ? { kind: 'batch', machineId, time, proposals } : undefined;
}

/** A membership is JSON in UTF-8 with its members in this order: it is rare, and read by people in a log dump. */
function encodeMembership({ clusterId, historyId, members }: Membership): Uint8Array {
  const text = JSON.stringify({
    clusterId,
    historyId,
    members: members.map(({ id, name, incarnation, role, address }) => ({ id, name, incarnation, role, address })),
  });
  const body = new TextEncoder().encode(text);
  const bytes = new Uint8Array(2 + body.length);
  bytes[0] = version;
  bytes[1] = kinds.membership;
  bytes.set(body, 2);
  return bytes;
}

function decodeMembership(body: Uint8Array): Membership | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
  return isMembership(parsed) ? parsed : undefined;
}

function isMembership(value: unknown): value is Membership {
  if (!isRecord(value)) return false;
  const { clusterId, historyId, members } = value;
  return (
    typeof clusterId === 'string' && typeof historyId === 'string' && Array.isArray(members) && members.every(isMember)
  );
}

function isMember(value: unknown): value is Member {
  if (!isRecord(value)) return false;
  const { id, name, incarnation, role, address } = value;
  return (
    Number.isSafeInteger(id) &&
    Number(id) >= 1 &&
    typeof name === 'string' &&
    typeof incarnation === 'string' &&
    /^[0-9a-f]{16}$/.test(incarnation) &&
    (role === 'voter' || role === 'learner') &&
    typeof address === 'string'
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
