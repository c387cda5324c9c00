/**
 * Whether a replica's word counts (A4). A replica remembers what every incarnation has said; one whose disk was taken
 * back to an earlier day, or copied, begins a new session knowing less than it had said. A session that looks like it may
 * also be one long gone whose words come late, so it is asked to answer first: one that does is told, and never counted.
 */
import { isPlanted } from '../base/planted-bugs.ts';
import { type Ballot, compareBallots } from './ballot.ts';
import type { CoreState } from './core-state.ts';
import { includes, reignsWithin } from './membership.ts';
import type { ChallengeAnswer, PaxosMessage } from './messages.ts';
import type { CoreOutput } from './outputs.ts';
import type { Peer } from './peer.ts';

interface Word {
  /** Processes that knew, when they began, all that had been said before. */
  readonly sessions: string[];
  promised: Ballot;
  lastInstance: number;
}

export interface TrustState {
  /** By incarnation: the most that is known of what it had on its disk. */
  readonly words: Map<string, Word>;
  /** Sessions that knew less than their incarnation had said, and answered when they were asked. */
  readonly distrusted: Set<string>;
}

const sessionsMax = 8;
const wordsMax = 64;
const distrustedMax = 64;

/** Whether what `from` says is taken at all. */
export function isTrusted({ self, trust }: CoreState, from: Peer, outputs: CoreOutput[]): boolean {
  if (from === self || isPlanted('vote-with-lost-memory')) return true;
  const word = wordOf(trust, from);
  if (word.sessions.includes(from.session)) return true;
  if (!knowsLess(from, word)) {
    word.sessions.push(from.session);
    if (word.sessions.length > sessionsMax) word.sessions.shift();
    return true;
  }
  if (trust.distrusted.has(from.session)) {
    tell(word, from, outputs);
  } else {
    const message = { kind: 'challenge', session: self.session } as const;
    outputs.push({ kind: 'send', to: from.replica, message, afterSync: false });
  }
  return false;
}

/** A session that looked as if it knew less than it should is alive, and so does know less. */
export function onChallengeAnswer(
  { self, trust }: CoreState,
  from: Peer,
  { session }: ChallengeAnswer,
  outputs: CoreOutput[],
): void {
  const word = wordOf(trust, from);
  if (session !== self.session || word.sessions.includes(from.session) || !knowsLess(from, word)) return;
  const oldest = trust.distrusted.values().next().value;
  if (trust.distrusted.size >= distrustedMax && oldest !== undefined) trust.distrusted.delete(oldest);
  trust.distrusted.add(from.session);
  tell(word, from, outputs);
}

/** Remembers what a trusted peer says that it must never forget. */
export function rememberWord({ trust }: CoreState, from: Peer, message: PaxosMessage): void {
  const word = trust.words.get(from.incarnation);
  if (word === undefined) return;
  const promised = promiseIn(message);
  if (promised !== undefined && compareBallots(promised, word.promised) > 0) word.promised = promised;
  word.lastInstance = Math.max(word.lastInstance, voteIn(message));
}

/** The newest vote that the sender had on disk when it said this; 0: it says of none. */
function voteIn(message: PaxosMessage): number {
  if (message.kind === 'accepted') return message.instance;
  // A leader's votes are said to itself alone, and may have decided all the same.
  return message.kind === 'chosen' || message.kind === 'heartbeat' ? message.votedTo : 0;
}

/** What the sender had promised, on disk, when it said this. One that leads at a ballot has promised it to itself (B1). */
function promiseIn(message: PaxosMessage): Ballot | undefined {
  switch (message.kind) {
    case 'promised':
    case 'accepted':
    case 'prepare':
    case 'accept':
    case 'heartbeat':
    case 'take-over':
      return message.ballot;
    case 'refused':
    case 'pre-vote-answer':
      return message.promised;
    default:
      return undefined;
  }
}

/** Whether that very incarnation has a say, now or soon: in the membership of an instance that may be proposed. */
export function isMember({ memberships, learner }: CoreState, peer: Peer): boolean {
  return reignsWithin(memberships, learner.chosenTo).some((reign) => includes(reign, peer));
}

export function isVoter({ memberships, learner }: CoreState, peer: Peer): boolean {
  return reignsWithin(memberships, learner.chosenTo).some((reign) => includes(reign, peer, 'voter'));
}

/** Whether a process knew less, when it began, than its incarnation had said before. */
export function knowsLess(
  from: Pick<Peer, 'promised' | 'lastInstance' | 'isDoubtful'>,
  word: Pick<Word, 'promised' | 'lastInstance'>,
): boolean {
  if (compareBallots(from.promised, word.promised) < 0) return true;
  return !from.isDoubtful && from.lastInstance < word.lastInstance;
}

function wordOf({ words }: TrustState, { incarnation, promised, lastInstance }: Peer): Word {
  const known = words.get(incarnation);
  if (known !== undefined) return known;
  const oldest = words.keys().next().value;
  if (words.size >= wordsMax && oldest !== undefined) words.delete(oldest);
  const word = { sessions: [], promised, lastInstance };
  words.set(incarnation, word);
  return word;
}

function tell({ lastInstance }: Word, { replica, session }: Peer, outputs: CoreOutput[]): void {
  const message = { kind: 'distrusted', session, lastInstance } as const;
  outputs.push({ kind: 'send', to: replica, message, afterSync: false });
}
