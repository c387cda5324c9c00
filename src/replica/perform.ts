import { assert, unreachable } from '../base/assert.ts';
import type { ReplicaId } from '../paxos/ballot.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { CoreOutput } from '../paxos/outputs.ts';
import type { Applier } from './applier.ts';
import type { ReadRounds } from './reads.ts';
import type { Storage } from './storage.ts';

/** What outputs of the core are performed with. */
export interface Hands {
  readonly self: ReplicaId;
  readonly storage: Storage;
  readonly applier: Applier;
  readonly reads: ReadRounds;
  /** Hands a message of this replica to itself, as if it had come from a peer. */
  deliver(message: PaxosMessage): void;
}

/** Performs outputs in their order. Decides nothing. */
export function perform(outputs: readonly CoreOutput[], hands: Hands): void {
  for (const output of outputs) {
    switch (output.kind) {
      case 'persist-promise':
        hands.storage.promise(output.ballot);
        break;
      case 'persist':
        hands.storage.append(output.record);
        break;
      case 'send':
        send(output, hands);
        break;
      case 'execute':
        hands.applier.push(output);
        break;
      case 'read-confirmed':
        hands.reads.confirmed(output.round, output.instance);
        break;
      case 'supply':
      case 'behind':
      case 'excluded':
        assert(false, 'a group of one catches up with nobody', { kind: output.kind });
        break;
      default:
        unreachable(output);
    }
  }
}

function send(output: Extract<CoreOutput, { kind: 'send' }>, { self, storage, deliver }: Hands): void {
  const { to, message, afterSync } = output;
  assert(to === self, 'a group of one talks to itself');
  if (afterSync) storage.afterSync(() => deliver(message));
  else deliver(message);
}
