import fc from 'fast-check';
import type { MachineValue } from '../../../src/statemachine/state-machine.ts';
import { machineValue, type TestProposal } from './proposals.ts';

const documentIds = ['a', 'b', 'c', 'é', '\ud83d\ude00', '\uffee', 'tail', 'x y'];
const keys = ['key-1', 'key-2', 'key-3'];

const operation = fc.record({
  kind: fc.constantFrom('put', 'create', 'merge', 'patch', 'delete', 'put'),
  collection: fc.constantFrom('things', 'others'),
  documentId: fc.constantFrom(...documentIds),
  content: fc.record({ n: fc.integer(), text: fc.string({ maxLength: 40 }) }),
} as const);

type GeneratedOperation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

function contentOf({ kind, content: { n, text } }: GeneratedOperation): unknown {
  if (kind === 'delete') return undefined;
  if (kind !== 'patch') return { n, text };
  return [
    { op: 'add', path: '/n', value: n },
    // Half of them fail: a rejection, which leaves everything as it was.
    ...(n % 2 === 0 ? [] : [{ op: 'test', path: '/text', value: text }]),
    { op: 'copy', from: '/n', path: '/copied' },
  ];
}

const proposal = fc.record({
  operations: fc.array(operation, { minLength: 1, maxLength: 3 }),
  key: fc.option(fc.constantFrom(...keys), { nil: undefined }),
});

const instance = fc.option(
  fc.record({ later: fc.constantFrom(0, 1, 1_000, 50_000_000), proposals: fc.array(proposal, { maxLength: 4 }) }),
  { freq: 8, nil: undefined },
);

/** Chosen values of consecutive instances from 1: batches, and instances that are not this machine's. */
export function values(lengthMax: number): fc.Arbitrary<(MachineValue | undefined)[]> {
  return fc.array(instance, { minLength: 1, maxLength: lengthMax }).map((instances) => {
    let time = 1_700_000_000_000;
    return instances.map((one, at) => {
      if (one === undefined) return undefined;
      time += one.later;
      const proposals = one.proposals.map(({ operations, key }, index): TestProposal => {
        const id = `proposal-${at}-${index}`.padEnd(21, '-');
        const content = operations.map((each) => ({ ...each, content: contentOf(each) }));
        return { id, operations: content, ...(key === undefined ? {} : { key }) };
      });
      return machineValue(time, ...proposals);
    });
  });
}

/** `count` instances of `perInstance` puts each, to `documentCount` documents in turn. */
export function puts(count: number, perInstance = 2, documentCount = 10): MachineValue[] {
  return Array.from({ length: count }, (_, at) =>
    machineValue(
      1_700_000_000_000 + at,
      ...Array.from({ length: perInstance }, (__, index): TestProposal => {
        const number = at * perInstance + index;
        const documentId = `document-${String(number % documentCount).padStart(4, '0')}`;
        const id = `proposal-${at}-${index}`.padEnd(21, '-');
        return { id, operations: [{ kind: 'put', documentId, content: { number, text: 'x'.repeat(number % 50) } }] };
      }),
    ),
  );
}
