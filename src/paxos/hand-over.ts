import type { CoreState } from './core-state.ts';
import type { CoreOutput } from './outputs.ts';

/** Tells the successor to campaign, once it knows all that was chosen and nothing is on its way any more. */
export function handOver({ leader, learner, election }: CoreState, outputs: CoreOutput[]): void {
  const { handingOver } = leader;
  if (handingOver === undefined || leader.proposals.size > 0) return;
  const { to } = handingOver;
  if ((election.heard.get(to)?.chosenTo ?? 0) < learner.chosenTo) return;
  outputs.push({ kind: 'send', to, message: { kind: 'take-over', ballot: leader.ballot }, afterSync: false });
}
