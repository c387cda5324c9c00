let end: Promise<void> | undefined;

/**
 * Resolves when what came in with this turn of the event loop has been handled. Answers that are written then, one
 * right after the other, cost half of what they cost one by one: the first wakes whoever reads, the others find it awake.
 */
export function turnEnd(): Promise<void> {
  end ??= new Promise((resolve) => {
    setImmediate(() => {
      end = undefined;
      resolve();
    });
  });
  return end;
}
