/** npm passes on what the terminal sends to everyone: the second signal of one Ctrl-C comes within this time. */
const sameKeyMs = 1_000;

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP with its name. A later one ends the process at once: whoever asks
 * twice does not want to wait, and what is acknowledged is on disk.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  const asked = Promise.withResolvers<NodeJS.Signals>();
  let firstAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (firstAt !== undefined && performance.now() - firstAt > sameKeyMs) process.exit(130);
      firstAt ??= performance.now();
      asked.resolve(signal);
    });
  }
  return asked.promise;
}
