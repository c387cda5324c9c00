import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { silentObserver } from '../../src/base/observer.ts';
import { Damage } from '../../src/server/damage.ts';

function watchedDamage() {
  const reports: { event: string; facts: Readonly<Record<string, unknown>> | undefined }[] = [];
  const rebuilt: string[] = [];
  const observer = {
    ...silentObserver,
    report: (_level: string, event: string, facts?: Readonly<Record<string, unknown>>) =>
      reports.push({ event, facts }),
  };
  return { damage: new Damage(observer, (what) => rebuilt.push(what)), reports, rebuilt };
}

test('rot is told once, for a rebuild; the first finding is what every read is refused with', () => {
  const { damage, rebuilt } = watchedDamage();
  damage.check();
  assert.throws(() => damage.check(new LoggosError('not-a-member', 'removed')), { code: 'not-a-member' });
  damage.found('a row');
  damage.found('another row');
  assert.deepEqual(rebuilt, ['a row']);
  assert.throws(() => damage.check(), { code: 'checkpoint-damaged', message: 'a row' });
  assert.throws(() => damage.check(new LoggosError('not-a-member', 'removed')), { message: 'a row' });
});

test('two executions that differ are never rebuilt, which would repeat it; the log says what to do instead (E5)', () => {
  const { damage, reports, rebuilt } = watchedDamage();
  damage.broken('fingerprints differ');
  damage.found('rot, later');
  assert.deepEqual(rebuilt, []);
  assert.throws(() => damage.check(), { code: 'diverged', message: 'fingerprints differ' });
  assert.equal(reports[0]?.event, 'checkpoint-broken');
  assert.match(String(reports[0]?.facts?.advice), /restore the newest backup into another directory/);
});
