/**
 * Whether a replica's word counts (A4). A replica remembers what every incarnation has said; one whose disk was taken
 * back to an earlier day, or copied, begins a new session knowing less than it had said, and is told so instead of
 * being counted.
 */
import { isPlanted } from '../base/planted-bugs.ts';
import { type Ballot, compareBallots } from './ballot.ts';
import type { CoreState } from './core-state.ts';
import { includes, reignsWithin } from './membership.ts';
import type { PaxosMessage } from './messages.ts';
import type { CoreOutput } from './outputs.ts';
import type { Peer } from './peer.ts';

interface Word {
  session: string;
  readonly oldSessions: string[];
  promised: Ballot;
  lastInstance: number;
}

export interface TrustState {
  /** By incarnation: the most it ever said. */
  readonly words: Map<string, Word>;
  readonly distrusted: Set<string>;
}

const oldSessionsMax = 8;
const wordsMax = 64;

/** Whether what `from` says is taken at all. Tells it where its memory was found short. */
export function isTrusted({ self, trust }: CoreState, from: Peer, outputs: CoreOutput[]): boolean {
  if (from === self || isPlanted('vote-with-lost-memory')) return true;
  const key = `${from.replica} ${from.incarnation}`;
  const word = trust.words.get(key);
  if (word === undefined) {
    if (trust.words.size >= wordsMax) forgetOldest(trust);
    const { session, promised, lastInstance } = from;
    trust.words.set(key, { session, oldSessions: [], promised, lastInstance });
    return true;
  }
  if (from.session === word.session) return !trust.distrusted.has(key) || tell(word, from, outputs);
  // What comes late from a process that is gone is nobody's word any more.
  if (word.oldSessions.includes(from.session)) return false;
  word.oldSessions.push(word.session);
  if (word.oldSessions.length > oldSessionsMax) word.oldSessions.shift();
  word.session = from.session;
  const knowsLess =
    compareBallots(from.promised, word.promised) < 0 || (!from.isDoubtful && from.lastInstance < word.lastInstance);
  if (!knowsLess) return true;
  trust.distrusted.add(key);
  return tell(word, from, outputs);
}

/** Remembers what a trusted peer says that it must never forget. */
export function rememberWord({ trust }: CoreState, from: Peer, message: PaxosMessage): void {
  if (message.kind !== 'promised' && message.kind !== 'accepted') return;
  const word = trust.words.get(`${from.replica} ${from.incarnation}`);
  if (word === undefined) return;
  if (compareBallots(message.ballot, word.promised) > 0) word.promised = message.ballot;
  if (message.kind === 'accepted') word.lastInstance = Math.max(word.lastInstance, message.instance);
}

/** Whether that very incarnation has a say, now or soon: in the membership of an instance that may be proposed. */
export function isMember({ memberships, learner }: CoreState, peer: Peer): boolean {
  return reignsWithin(memberships, learner.chosenTo).some((reign) => includes(reign, peer));
}

export function isVoter({ memberships, learner }: CoreState, peer: Peer): boolean {
  return reignsWithin(memberships, learner.chosenTo).some((reign) => includes(reign, peer, 'voter'));
}

function tell({ promised, lastInstance }: Word, from: Peer, outputs: CoreOutput[]): false {
  const message = { kind: 'distrusted', promised, lastInstance } as const;
  outputs.push({ kind: 'send', to: from.replica, message, afterSync: false });
  return false;
}

function forgetOldest({ words, distrusted }: TrustState): void {
  const oldest = words.keys().next().value;
  if (oldest === undefined) return;
  words.delete(oldest);
  distrusted.delete(oldest);
}
