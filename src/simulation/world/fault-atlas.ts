/** `good-copy`: every damage leaves a quorum of undamaged replicas. `safe-stop`: anything may be damaged. */
export type AtlasMode = 'good-copy' | 'safe-stop';

/**
 * Decides whether damage to what was synced may strike a replica, so that a run in which Loggos has to stay available
 * and right is never one in which it could not. The rule: in one run, at most a minority of the voters is ever damaged.
 * A damaged replica may be damaged again. Whether it repaired itself meanwhile does not matter to the rule.
 */
export class FaultAtlas {
  readonly mode: AtlasMode;
  readonly #damaged = new Set<string>();
  #voters: readonly string[];

  constructor(mode: AtlasMode, voters: readonly string[] = []) {
    this.mode = mode;
    this.#voters = voters;
  }

  /** Who votes now. A smaller group bears less damage; what was damaged stays counted. */
  setVoters(voters: readonly string[]): void {
    this.#voters = voters;
  }

  /** Whether damage may strike there now. Who answers true must be struck, or it counts for nothing. */
  claim(replica: string): boolean {
    if (!this.#mayDamage(replica)) return false;
    this.#damaged.add(replica);
    return true;
  }

  /** Replicas that were damaged in this run. */
  damaged(): string[] {
    return [...this.#damaged].sort();
  }

  #mayDamage(replica: string): boolean {
    if (this.mode === 'safe-stop' || this.#damaged.has(replica)) return true;
    // Learners count as well: they may be voters tomorrow.
    return this.#damaged.size < Math.floor((this.#voters.length - 1) / 2);
  }
}
