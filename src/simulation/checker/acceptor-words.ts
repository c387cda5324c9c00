import { compareNoticed, type NoticedBallot, printBallot } from './noticed-ballot.ts';
import { type Rule, Violation } from './violation.ts';

/** What a starting replica found on its disk. */
export interface FoundOnDisk {
  /** Undefined: it cannot tell. */
  readonly promised: NoticedBallot | undefined;
  /** By instance above `truncatedTo`. An instance that is not here was never accepted, says the replica. */
  readonly accepted: ReadonlyMap<number, FoundAccept | 'cannot-tell'>;
  /** Everything up to here is chosen and may be gone from the log. */
  readonly truncatedTo: number;
  /** Whether the world's faults have touched what had been synced. */
  readonly isDamaged: boolean;
}

export interface FoundAccept {
  readonly ballot: NoticedBallot;
  readonly valueHash: string;
}

/** One data directory of one replica, and all that it has ever said. */
export interface Acceptor {
  readonly replica: number;
  readonly incarnation: string;
  /** Its disk went back, or has a twin: what it says binds nobody any more, and its votes prove nothing. */
  isDoubtful: boolean;
  promised: NoticedBallot | undefined;
  readonly accepted: Map<number, FoundAccept>;
}

/**
 * A1 and A3: what an acceptor said it keeps to, over all of its restarts, and finds on its disk after each of them.
 * Fed with what left the replica, to itself too, in the order in which it left.
 */
export class AcceptorWords {
  readonly #acceptors = new Map<number, Acceptor[]>();
  readonly #chosenAt: (instance: number) => string | undefined;

  /** @param chosenAt - the hash of what is known to be chosen, whoever knows it */
  constructor(chosenAt: (instance: number) => string | undefined) {
    this.#chosenAt = chosenAt;
  }

  acceptor(replica: number, incarnation: string): Acceptor {
    let acceptors = this.#acceptors.get(replica);
    if (acceptors === undefined) {
      acceptors = [];
      this.#acceptors.set(replica, acceptors);
    }
    for (const acceptor of acceptors) if (acceptor.incarnation === incarnation) return acceptor;
    const acceptor: Acceptor = {
      replica,
      incarnation,
      isDoubtful: false,
      promised: undefined,
      accepted: new Map(),
    };
    acceptors.push(acceptor);
    return acceptor;
  }

  /** @throws Violation `promise-goes-back` */
  onPromised(acceptor: Acceptor, ballot: NoticedBallot): void {
    const { promised, isDoubtful } = acceptor;
    if (promised !== undefined && compareNoticed(ballot, promised) < 0) {
      if (isDoubtful) return;
      throw wrong('promise-goes-back', acceptor, `promised ${printBallot(ballot)} after ${printBallot(promised)}`);
    }
    acceptor.promised = ballot;
  }

  /** @throws Violation `accept-below-promise` */
  onAccepted(acceptor: Acceptor, instance: number, ballot: NoticedBallot, valueHash: string): void {
    const { promised, isDoubtful } = acceptor;
    const said = acceptor.accepted.get(instance);
    // To say again what is true is no new accept.
    if (said !== undefined && compareNoticed(said.ballot, ballot) === 0) return;
    if (promised !== undefined && compareNoticed(ballot, promised) < 0) {
      if (isDoubtful) return;
      const detail = `accepted instance ${instance} at ${printBallot(ballot)} after it promised ${printBallot(promised)}`;
      throw wrong('accept-below-promise', acceptor, detail);
    }
    acceptor.promised = ballot;
    acceptor.accepted.set(instance, { ballot, valueHash });
  }

  /** @throws Violation `promise-lost`, `accept-lost`, `intact-called-damaged` */
  onBoot(acceptor: Acceptor, found: FoundOnDisk): void {
    if (acceptor.isDoubtful) return;
    checkPromise(acceptor, found);
    for (const [instance, said] of acceptor.accepted) {
      if (instance <= found.truncatedTo) acceptor.accepted.delete(instance);
      else checkAccept(acceptor, instance, said, { ...found, chosen: this.#chosenAt(instance) });
    }
  }
}

function checkPromise(acceptor: Acceptor, { promised, isDamaged }: FoundOnDisk): void {
  const said = acceptor.promised;
  if (said === undefined) return;
  if (promised === undefined) {
    if (isDamaged) return;
    throw wrong('intact-called-damaged', acceptor, `it cannot tell its promise, and said ${printBallot(said)}`);
  }
  if (compareNoticed(promised, said) >= 0) return;
  throw wrong('promise-lost', acceptor, `it said ${printBallot(said)} and found ${printBallot(promised)}`);
}

function checkAccept(
  acceptor: Acceptor,
  instance: number,
  said: FoundAccept,
  found: FoundOnDisk & { readonly chosen: string | undefined },
): void {
  const kept = found.accepted.get(instance);
  const before = `it said instance ${instance} at ${printBallot(said.ballot)}`;
  if (kept === 'cannot-tell') {
    if (!found.isDamaged) throw wrong('intact-called-damaged', acceptor, `${before} and cannot tell`);
  } else if (kept === undefined) {
    throw wrong('accept-lost', acceptor, `${before} and found nothing`);
  } else {
    const order = compareNoticed(kept.ballot, said.ballot);
    if (order > 0 || (order === 0 && kept.valueHash === said.valueHash)) return;
    // A vote for what is chosen already need not be written again: every higher ballot has the same value.
    if (kept.valueHash === said.valueHash && kept.valueHash === found.chosen) return;
    throw wrong('accept-lost', acceptor, `${before} and found ${printBallot(kept.ballot)}, ${kept.valueHash}`);
  }
}

function wrong(rule: Rule, { replica, incarnation }: Acceptor, detail: string): Violation {
  return new Violation(rule, `replica ${replica} (${incarnation.slice(0, 4)}): ${detail}`);
}
