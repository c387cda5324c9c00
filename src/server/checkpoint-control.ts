import { LoggosError } from '../base/errors.ts';
import type { CheckpointManager } from '../checkpoint/checkpoint-manager.ts';
import type { DocumentStateMachine } from '../documents/document-state-machine.ts';
import type { CheckpointStore } from '../documents/store/checkpoint-store.ts';
import type {
  CheckpointChange,
  CheckpointControl,
  CheckpointStatus,
  Deadline,
  DigestAnswer,
} from '../http/database.ts';

/** What `/v1/checkpoint` and `/v1/digest` are answered from. */
export class ManagedCheckpoint implements CheckpointControl {
  readonly #manager: CheckpointManager;
  readonly #machine: DocumentStateMachine;
  readonly #store: CheckpointStore;

  constructor(manager: CheckpointManager, machine: DocumentStateMachine, store: CheckpointStore) {
    this.#manager = manager;
    this.#machine = machine;
    this.#store = store;
  }

  async status(): Promise<CheckpointStatus> {
    return this.#manager.status();
  }

  configure(change: CheckpointChange): Promise<CheckpointStatus> {
    return this.#manager.configure(change);
  }

  /** Without an instance: of the checkpoint, once it has all that is applied now. */
  async digest(instance: number | undefined, deadline: Deadline): Promise<DigestAnswer> {
    const asked = instance ?? this.#machine.state.instance;
    await this.#manager.reached(Math.min(asked, this.#machine.state.instance), deadline);
    if (instance === undefined) {
      const { state, digest } = this.#machine.checkpointHead;
      return answerOf(state.instance, state.position, state.chain, digest);
    }
    const kept = await this.#store.digestAt(instance);
    if (kept !== undefined) return answerOf(kept.instance, kept.position, kept.chain, kept.digest);
    const nearest = await this.#store.nearestDigest(instance);
    const facts = nearest === undefined ? {} : { nearest };
    throw new LoggosError('not-found', `No digest was kept at instance ${instance}.`, facts);
  }
}

function answerOf(instance: number, position: number, chain: Uint8Array, digest: Uint8Array): DigestAnswer {
  return { instance, position, chain: base64url(chain), digest: base64url(digest) };
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
