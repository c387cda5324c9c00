import fc from 'fast-check';
import type { Ballot } from '../../src/paxos/ballot.ts';
import type { Membership } from '../../src/paxos/chosen-value.ts';
import type { CannotTellProof, PaxosMessage } from '../../src/paxos/messages.ts';
import type { Peer } from '../../src/paxos/peer.ts';

const integer = fc.maxSafeNat();
/** Of a clock. */
const time = fc.integer({ min: 1, max: 4_102_444_800_000 });
export const incarnation = fc
  .array(fc.constantFrom(...'0123456789abcdef'), { minLength: 16, maxLength: 16 })
  .map((digits) => digits.join(''));
const ballot: fc.Arbitrary<Ballot> = fc.record({ round: integer, replica: integer, incarnation });
const value = fc.uint8Array({ maxLength: 200 });
const proof = fc.constantFrom<CannotTellProof>('ambiguous', 'damaged');
const chosen = fc.record({ instance: integer, ballot, value });
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const membership: fc.Arbitrary<Membership> = fc.record({
  clusterId: text,
  historyId: text,
  members: fc.array(
    fc.record({
      id: fc.integer({ min: 1, max: 9 }),
      name: text,
      incarnation,
      role: fc.constantFrom('voter' as const, 'learner' as const),
      address: text,
    }),
    { maxLength: 5 },
  ),
});
const vote = fc.record(
  { instance: integer, ballot, value, maybeSuperseded: proof },
  { requiredKeys: ['instance', 'ballot', 'value'] },
);
const cannotTell = fc.record({ instance: integer, proof });
const of = fc.constantFrom('execution' as const, 'digest' as const);
const mark = fc.record({ machineId: fc.nat(), of, instance: integer, fingerprint: value });

function kind<Kind extends PaxosMessage['kind']>(name: Kind): fc.Arbitrary<Kind> {
  return fc.constant(name);
}

/** By kind, so that a new one without an entry does not compile. */
const byKind: { [Kind in PaxosMessage['kind']]: fc.Arbitrary<Extract<PaxosMessage, { kind: Kind }>> } = {
  'pre-vote': fc.record({ kind: kind('pre-vote'), round: integer, epoch: integer, chosenTo: integer }),
  'pre-vote-answer': fc.record({
    kind: kind('pre-vote-answer'),
    round: integer,
    isGranted: fc.boolean(),
    promised: ballot,
    chosenTo: integer,
  }),
  prepare: fc.record({
    kind: kind('prepare'),
    ballot,
    epoch: integer,
    firstInstance: integer,
    isTransfer: fc.boolean(),
  }),
  promised: fc.record(
    {
      kind: kind('promised'),
      ballot,
      truncatedTo: integer,
      accepted: fc.array(vote, { maxLength: 5 }),
      cannotTell: fc.array(cannotTell, { maxLength: 5 }),
      cannotTellAbove: cannotTell,
      lostAtMost: ballot,
      time,
    },
    { requiredKeys: ['kind', 'ballot', 'truncatedTo', 'accepted', 'cannotTell'] },
  ),
  accept: fc.record({ kind: kind('accept'), ballot, instance: integer, value }),
  accepted: fc.record({ kind: kind('accepted'), ballot, instance: integer }),
  refused: fc.record({ kind: kind('refused'), ballot, promised: ballot }),
  chosen: fc.record({ kind: kind('chosen'), instance: integer, ballot, votedTo: integer }),
  heartbeat: fc.record({
    kind: kind('heartbeat'),
    ballot,
    epoch: integer,
    round: integer,
    chosenTo: integer,
    openingInstance: integer,
    votedTo: integer,
  }),
  'heartbeat-answer': fc.record(
    { kind: kind('heartbeat-answer'), ballot, round: integer, chosenTo: integer, time },
    { requiredKeys: ['kind', 'ballot', 'round', 'chosenTo'] },
  ),
  fetch: fc.record({ kind: kind('fetch'), firstInstance: integer }),
  learned: fc.record({ kind: kind('learned'), entries: fc.array(chosen, { maxLength: 5 }), chosenTo: integer }),
  trimmed: fc.record({ kind: kind('trimmed'), minChosenInstance: integer }),
  'take-over': fc.record({ kind: kind('take-over'), ballot }),
  fingerprints: fc.record({ kind: kind('fingerprints'), marks: fc.array(mark, { maxLength: 5 }) }),
  form: fc.record({ kind: kind('form') }),
  'form-answer': fc.record({ kind: kind('form-answer'), membership }, { requiredKeys: ['kind'] }),
  outdated: fc.record({ kind: kind('outdated'), epoch: integer, membership }),
  challenge: fc.record({ kind: kind('challenge'), session: text }),
  'challenge-answer': fc.record({ kind: kind('challenge-answer'), session: text }),
  distrusted: fc.record({ kind: kind('distrusted'), session: text, lastInstance: integer }),
};

export const anyMessage: fc.Arbitrary<PaxosMessage> = fc.oneof(...Object.values<fc.Arbitrary<PaxosMessage>>(byKind));

export const anyPeer: fc.Arbitrary<Peer> = fc.record(
  {
    replica: fc.integer({ min: 1, max: 99 }),
    incarnation,
    session: text,
    clusterId: text,
    promised: ballot,
    lastInstance: integer,
    isDoubtful: fc.boolean(),
  },
  { requiredKeys: ['replica', 'incarnation', 'session', 'promised', 'lastInstance', 'isDoubtful'] },
);
