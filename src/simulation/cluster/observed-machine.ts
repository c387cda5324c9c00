import type { DocumentStateMachine } from '../../documents/document-state-machine.ts';
import type { ExecuteResult, StateMachine } from '../../statemachine/state-machine.ts';

/** The document machine itself, which tells what each instance did to the live state. */
export function observedMachine(
  machine: DocumentStateMachine,
  onExecuted: (instance: number, result: ExecuteResult, lines: readonly { position: number; line: string }[]) => void,
): StateMachine {
  return {
    id: machine.id,
    execute(instance, value) {
      const before = machine.state.position;
      const result = machine.execute(instance, value);
      onExecuted(instance, result, machine.tail.lines(before, machine.state.position - before));
      return result;
    },
    executeForCheckpoint: (instance, value) => machine.executeForCheckpoint(instance, value),
    commitCheckpoint: () => machine.commitCheckpoint(),
    checkpointCommitted: (instance) => machine.checkpointCommitted(instance),
    checkpointInstance: () => machine.checkpointInstance(),
    checkpointFingerprint: () => machine.checkpointFingerprint(),
    checkpointFacts: () => machine.checkpointFacts(),
    lockCheckpointState: () => machine.lockCheckpointState(),
    checkpointState: (lock) => machine.checkpointState(lock),
    unlockCheckpointState: (lock) => machine.unlockCheckpointState(lock),
    loadCheckpointState: (directory, files, instance) => machine.loadCheckpointState(directory, files, instance),
  };
}
