/**
 * Messages between members of a group as bytes, version 1: version, kind, then the fields in the order of their type.
 * The one definition for both directions.
 */
import { unreachable } from '../base/assert.ts';
import { encodeChosenValue, type Membership, membershipIn } from '../paxos/chosen-value.ts';
import type { AcceptedInstance, CannotTellProof, FingerprintMark, PaxosMessage, Promised } from '../paxos/messages.ts';
import { frameHeadBytes } from './frame.ts';
import { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

const version = 1;
/** A kind's number is its place; only ever appended to. */
const kinds: readonly PaxosMessage['kind'][] = [
  'pre-vote',
  'pre-vote-answer',
  'prepare',
  'promised',
  'accept',
  'accepted',
  'refused',
  'chosen',
  'heartbeat',
  'heartbeat-answer',
  'fetch',
  'learned',
  'trimmed',
  'take-over',
  'fingerprints',
  'form',
  'form-answer',
  'outdated',
  'distrusted',
  'challenge',
  'challenge-answer',
];
const kindNumbers = new Map(kinds.map((kind, number) => [kind, number]));
/** A kind's place stands for it; 0: there is none. */
const proofs: readonly (CannotTellProof | undefined)[] = [undefined, 'ambiguous', 'damaged'];
/** What an entry of a list takes at least. */
const entryBytesMin = { accepted: 37, cannotTell: 9, chosen: 36, mark: 17 };

/** With room for a frame's head in front. */
export function encodeMessage(message: PaxosMessage): Buffer {
  const writer = new WireWriter(frameHeadBytes);
  writer.byte(version);
  writer.byte(kindNumbers.get(message.kind) ?? 0);
  write(writer, message);
  return writer.finish();
}

/** Values are views of `bytes`, which must not change. @returns undefined where the bytes are no message, whole */
export function decodeMessage(bytes: Uint8Array): PaxosMessage | undefined {
  const reader = new WireReader(bytes);
  if (reader.byte() !== version) return undefined;
  const kind = kinds[reader.byte()];
  if (kind === undefined) return undefined;
  const message = read(reader, kind);
  return reader.isWhole ? message : undefined;
}

function write(writer: WireWriter, message: PaxosMessage): void {
  switch (message.kind) {
    case 'pre-vote':
      writer.integer(message.round);
      writer.integer(message.epoch);
      writer.integer(message.chosenTo);
      return;
    case 'pre-vote-answer':
      writer.integer(message.round);
      writer.flag(message.isGranted);
      writer.ballot(message.promised);
      writer.integer(message.chosenTo);
      return;
    case 'prepare':
      writer.ballot(message.ballot);
      writer.integer(message.epoch);
      writer.integer(message.firstInstance);
      writer.flag(message.isTransfer);
      return;
    case 'promised':
      writePromised(writer, message);
      return;
    case 'accept':
      writer.ballot(message.ballot);
      writer.integer(message.instance);
      writer.raw(message.value);
      return;
    case 'accepted':
      writer.ballot(message.ballot);
      writer.integer(message.instance);
      return;
    case 'chosen':
      writer.ballot(message.ballot);
      writer.integer(message.instance);
      writer.integer(message.votedTo);
      return;
    case 'refused':
      writer.ballot(message.ballot);
      writer.ballot(message.promised);
      return;
    case 'heartbeat':
      writer.ballot(message.ballot);
      writer.integer(message.epoch);
      writer.integer(message.round);
      writer.integer(message.chosenTo);
      writer.integer(message.openingInstance);
      writer.integer(message.votedTo);
      return;
    case 'heartbeat-answer':
      writer.ballot(message.ballot);
      writer.integer(message.round);
      writer.integer(message.chosenTo);
      writer.integer(message.time ?? 0);
      return;
    case 'fetch':
      writer.integer(message.firstInstance);
      return;
    case 'learned':
      writer.integer(message.chosenTo);
      writer.count(message.entries.length);
      for (const { instance, ballot, value } of message.entries) {
        writer.integer(instance);
        writer.ballot(ballot);
        writer.raw(value);
      }
      return;
    case 'trimmed':
      writer.integer(message.minChosenInstance);
      return;
    case 'take-over':
      writer.ballot(message.ballot);
      return;
    case 'fingerprints':
      writer.count(message.marks.length);
      for (const { machineId, of, instance, fingerprint } of message.marks) {
        writer.count(machineId);
        writer.flag(of === 'digest');
        writer.integer(instance);
        writer.raw(fingerprint);
      }
      return;
    case 'form':
      return;
    case 'form-answer':
      writer.flag(message.membership !== undefined);
      if (message.membership !== undefined) writeMembership(writer, message.membership);
      return;
    case 'outdated':
      writer.integer(message.epoch);
      writeMembership(writer, message.membership);
      return;
    case 'distrusted':
      writer.text(message.session);
      writer.integer(message.lastInstance);
      return;
    case 'challenge':
    case 'challenge-answer':
      writer.text(message.session);
      return;
    default:
      unreachable(message);
  }
}

/** Fields are read in the order in which they stand here. */
function read(reader: WireReader, kind: PaxosMessage['kind']): PaxosMessage | undefined {
  switch (kind) {
    case 'pre-vote':
      return { kind, round: reader.integer(), epoch: reader.integer(), chosenTo: reader.integer() };
    case 'pre-vote-answer':
      return {
        kind,
        round: reader.integer(),
        isGranted: reader.flag(),
        promised: reader.ballot(),
        chosenTo: reader.integer(),
      };
    case 'prepare':
      return {
        kind,
        ballot: reader.ballot(),
        epoch: reader.integer(),
        firstInstance: reader.integer(),
        isTransfer: reader.flag(),
      };
    case 'promised':
      return readPromised(reader);
    case 'accept':
      return { kind, ballot: reader.ballot(), instance: reader.integer(), value: reader.raw() };
    case 'accepted':
      return { kind, ballot: reader.ballot(), instance: reader.integer() };
    case 'chosen':
      return { kind, ballot: reader.ballot(), instance: reader.integer(), votedTo: reader.integer() };
    case 'refused':
      return { kind, ballot: reader.ballot(), promised: reader.ballot() };
    case 'heartbeat':
      return {
        kind,
        ballot: reader.ballot(),
        epoch: reader.integer(),
        round: reader.integer(),
        chosenTo: reader.integer(),
        openingInstance: reader.integer(),
        votedTo: reader.integer(),
      };
    case 'heartbeat-answer':
      return {
        ...{ kind, ballot: reader.ballot(), round: reader.integer(), chosenTo: reader.integer() },
        ...timeOf(reader),
      };
    case 'fetch':
      return { kind, firstInstance: reader.integer() };
    case 'learned':
      return {
        kind,
        chosenTo: reader.integer(),
        entries: reader.list(entryBytesMin.chosen, () => ({
          instance: reader.integer(),
          ballot: reader.ballot(),
          value: reader.raw(),
        })),
      };
    case 'trimmed':
      return { kind, minChosenInstance: reader.integer() };
    case 'take-over':
      return { kind, ballot: reader.ballot() };
    case 'fingerprints':
      return { kind, marks: reader.list(entryBytesMin.mark, () => readMark(reader)) };
    case 'form':
      return { kind };
    case 'form-answer': {
      if (!reader.flag()) return { kind };
      const membership = readMembership(reader);
      return membership === undefined ? undefined : { kind, membership };
    }
    case 'outdated': {
      const epoch = reader.integer();
      const membership = readMembership(reader);
      return membership === undefined ? undefined : { kind, epoch, membership };
    }
    case 'distrusted':
      return { kind, session: reader.text(), lastInstance: reader.integer() };
    case 'challenge':
    case 'challenge-answer':
      return { kind, session: reader.text() };
    default:
      return unreachable(kind);
  }
}

function writePromised(writer: WireWriter, message: Promised): void {
  const { ballot, truncatedTo, accepted, cannotTell, cannotTellAbove, lostAtMost, time } = message;
  writer.ballot(ballot);
  writer.integer(truncatedTo);
  writer.count(accepted.length);
  for (const vote of accepted) {
    writer.integer(vote.instance);
    writer.ballot(vote.ballot);
    writer.byte(proofs.indexOf(vote.maybeSuperseded));
    writer.raw(vote.value);
  }
  writer.count(cannotTell.length);
  for (const { instance, proof } of cannotTell) {
    writer.integer(instance);
    writer.byte(proofs.indexOf(proof));
  }
  writer.byte(proofs.indexOf(cannotTellAbove?.proof));
  if (cannotTellAbove !== undefined) writer.integer(cannotTellAbove.instance);
  writer.flag(lostAtMost !== undefined);
  if (lostAtMost !== undefined) writer.ballot(lostAtMost);
  writer.integer(time ?? 0);
}

function readPromised(reader: WireReader): Promised {
  const promised: Promised = {
    kind: 'promised',
    ballot: reader.ballot(),
    truncatedTo: reader.integer(),
    accepted: reader.list(entryBytesMin.accepted, () => readVote(reader)),
    cannotTell: reader.list(entryBytesMin.cannotTell, () => ({
      instance: reader.integer(),
      proof: readProof(reader) ?? failed(reader),
    })),
  };
  const proof = readProof(reader);
  const above = proof === undefined ? undefined : { proof, instance: reader.integer() };
  const lostAtMost = reader.flag() ? reader.ballot() : undefined;
  return {
    ...promised,
    ...(above === undefined ? {} : { cannotTellAbove: above }),
    ...(lostAtMost === undefined ? {} : { lostAtMost }),
    ...timeOf(reader),
  };
}

/** 0 stands for none. */
function timeOf(reader: WireReader): { readonly time?: number } {
  const time = reader.integer();
  return time === 0 ? {} : { time };
}

function readVote(reader: WireReader): AcceptedInstance {
  const instance = reader.integer();
  const ballot = reader.ballot();
  const maybeSuperseded = readProof(reader);
  const vote = { instance, ballot, value: reader.raw() };
  return maybeSuperseded === undefined ? vote : { ...vote, maybeSuperseded };
}

function readProof(reader: WireReader): CannotTellProof | undefined {
  const number = reader.byte();
  if (number >= proofs.length) reader.fail();
  return proofs[number];
}

/** Stands in for a proof that must be there and is not. */
function failed(reader: WireReader): CannotTellProof {
  reader.fail();
  return 'damaged';
}

function readMark(reader: WireReader): FingerprintMark {
  const machineId = reader.count();
  const of = reader.flag() ? 'digest' : 'execution';
  return { machineId, of, instance: reader.integer(), fingerprint: reader.raw() };
}

/** As the chosen value that holds it: its bytes are defined there. */
function writeMembership(writer: WireWriter, membership: Membership): void {
  writer.raw(encodeChosenValue({ kind: 'membership', membership }));
}

function readMembership(reader: WireReader): Membership | undefined {
  const membership = membershipIn(reader.raw());
  if (membership === undefined) reader.fail();
  return membership;
}
