// Takes the lock of a directory, says so, and holds it until it is killed.
import { silentObserver } from '../../src/base/observer.ts';
import { DirectoryLock } from '../../src/server/directory-lock.ts';

try {
  await DirectoryLock.take(process.argv[2] ?? '', silentObserver);
  console.log('held');
} catch {
  console.log('refused');
}
setInterval(() => undefined, 60_000);
