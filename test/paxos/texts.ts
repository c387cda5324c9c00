import assert from 'node:assert/strict';
import type { Ballot } from '../../src/paxos/ballot.ts';
import { decodeChosenValue, encodeChosenValue, type Membership } from '../../src/paxos/chosen-value.ts';
import type { PaxosMessage } from '../../src/paxos/messages.ts';

export function batchOf(text: string): Uint8Array {
  return encodeChosenValue({ kind: 'batch', machineId: 1, time: 0, proposals: [new TextEncoder().encode(text)] });
}

export function textOf(bytes: Uint8Array): string {
  const value = decodeChosenValue(bytes);
  assert(value !== undefined);
  return value.kind === 'batch'
    ? JSON.stringify(value.proposals.map((p) => new TextDecoder().decode(p)).join())
    : value.kind;
}

export function ballotText({ round, replica }: Ballot): string {
  return `(${round}.${replica})`;
}

export function messageText(message: PaxosMessage): string {
  switch (message.kind) {
    case 'prepare':
      return `prepare ${ballotText(message.ballot)} from ${message.firstInstance}`;
    case 'promised': {
      const accepted = message.accepted.map(({ instance, ballot, value, maybeSuperseded }) => {
        const doubt = maybeSuperseded === undefined ? '' : ` or newer (${maybeSuperseded})`;
        return `${instance} accepted at ${ballotText(ballot)} ${textOf(value)}${doubt}`;
      });
      const cannotTell = message.cannotTell.map(({ instance, proof }) => `${instance} cannot tell (${proof})`);
      const above = message.cannotTellAbove;
      const rest = above === undefined ? [] : [`above ${above.instance} cannot tell (${above.proof})`];
      const says = [`to ${message.truncatedTo} truncated`, ...accepted, ...cannotTell, ...rest].join(', ');
      return `promised ${ballotText(message.ballot)}: ${says}`;
    }
    case 'accept':
      return `accept ${ballotText(message.ballot)} ${message.instance} ${textOf(message.value)}`;
    case 'learned': {
      const entries = message.entries.map(
        ({ instance, ballot, value }) => `${instance} ${ballotText(ballot)} ${textOf(value)}`,
      );
      return `learned ${entries.join(', ')} (knows to ${message.chosenTo})`;
    }
    case 'accepted':
    case 'chosen':
      return `${message.kind} ${ballotText(message.ballot)} ${message.instance}`;
    case 'refused':
      return `refused ${ballotText(message.ballot)}, promised ${ballotText(message.promised)}`;
    case 'heartbeat':
    case 'heartbeat-answer': {
      const round = message.round === 0 ? '' : ` round ${message.round}`;
      return `${message.kind} ${ballotText(message.ballot)}${round} (knows to ${message.chosenTo})`;
    }
    case 'pre-vote':
      return `pre-vote for round ${message.round} (knows to ${message.chosenTo})`;
    case 'pre-vote-answer':
      return `pre-vote-answer ${message.isGranted ? 'yes' : 'no'} to round ${message.round}, promised ${ballotText(message.promised)} (knows to ${message.chosenTo})`;
    case 'fetch':
      return `fetch from ${message.firstInstance}`;
    case 'trimmed':
      return `trimmed, has from ${message.minChosenInstance}`;
    case 'take-over':
      return `take-over from ${ballotText(message.ballot)}`;
    case 'fingerprints':
      return `fingerprints ${message.marks.map(({ machineId, instance }) => `${machineId} at ${instance}`).join(', ')}`;
    case 'form':
      return 'form';
    case 'form-answer':
      return `form-answer ${message.membership === undefined ? 'nobody' : membershipText(message.membership)}`;
    case 'outdated':
      return `outdated: ${membershipText(message.membership)} since ${message.epoch}`;
    case 'challenge':
    case 'challenge-answer':
      return `${message.kind} by session ${message.session}`;
    case 'distrusted':
      return `distrusted: session ${message.session}, of which more was heard, to ${message.lastInstance}`;
  }
}

export function membershipText({ members }: Membership): string {
  return members.map(({ id, role }) => `${id} ${role}`).join(', ');
}
