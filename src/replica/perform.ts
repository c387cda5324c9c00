import { unreachable } from '../base/assert.ts';
import type { ReplicaId } from '../paxos/ballot.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { CoreOutput, Exclusion } from '../paxos/outputs.ts';
import type { Applier } from './applier.ts';
import type { Supplier } from './catch-up.ts';
import type { Peers } from './peers.ts';
import type { ReadableLog } from './readable-log.ts';
import type { ReadRounds } from './reads.ts';
import type { Storage } from './storage.ts';
import type { UnsureVotes } from './unsure-votes.ts';
import type { VoterClocks } from './voter-clocks.ts';

/** What outputs of the core are performed with. */
export interface Hands {
  readonly self: ReplicaId;
  readonly storage: Storage;
  readonly readable: ReadableLog;
  readonly unsureVotes: UnsureVotes;
  readonly applier: Applier;
  readonly reads: ReadRounds;
  readonly peers: Peers;
  readonly clocks: VoterClocks;
  readonly supplier: Supplier;
  /** Hands a message of this replica to itself, as if it had come from a peer. */
  deliver(message: PaxosMessage): void;
  onBehind(minChosenInstance: number): void;
  onExcluded(exclusion: Exclusion): void;
}

/** Performs outputs in their order. Decides nothing. */
export function perform(outputs: readonly CoreOutput[], hands: Hands): void {
  for (const output of outputs) {
    switch (output.kind) {
      case 'persist-promise':
        hands.storage.promise(output.ballot);
        break;
      case 'persist':
        hands.unsureVotes.written(output.record.instance);
        hands.storage.append(output.record);
        break;
      case 'send':
        send(output, hands);
        break;
      case 'execute':
        execute(output, hands);
        break;
      case 'read-confirmed':
        hands.reads.confirmed(output.round, output.instance);
        break;
      case 'supply':
        hands.supplier.supply(output.to, output.firstInstance);
        break;
      case 'behind':
        hands.onBehind(output.minChosenInstance);
        break;
      case 'excluded':
        hands.onExcluded(output.exclusion);
        break;
      default:
        unreachable(output);
    }
  }
}

function send({ to, message, afterSync }: Extract<CoreOutput, { kind: 'send' }>, hands: Hands): void {
  if (afterSync) hands.storage.afterSync(() => sendNow(to, message, hands));
  else sendNow(to, message, hands);
}

function sendNow(to: ReplicaId, message: PaxosMessage, { self, peers, clocks, deliver }: Hands): void {
  if (to === self) deliver(message);
  else peers.send(to, clocks.withTime(message));
}

/** It may be applied at once, and read from the log once all that it rests on is durable here. */
function execute(chosen: Extract<CoreOutput, { kind: 'execute' }>, hands: Hands): void {
  const { applier, storage, readable, unsureVotes } = hands;
  const { instance, ballot, value } = chosen;
  if (unsureVotes.take(instance)) storage.append({ kind: 'chosen', instance, ballot, value });
  applier.push(chosen);
  storage.afterSync(() => readable.advance(instance));
}
