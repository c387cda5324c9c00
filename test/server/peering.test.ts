import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { silentObserver } from '../../src/base/observer.ts';
import { readFounders, writeFounders } from '../../src/checkpoint/founders-file.ts';
import { readIdentity } from '../../src/checkpoint/identity-file.ts';
import { BootProgress } from '../../src/server/boot-progress.ts';
import { resolveConfiguration } from '../../src/server/configuration.ts';
import { openIdentity } from '../../src/server/data-directory.ts';
import { firstHistoryId, openPeering } from '../../src/server/peering.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { systemRandom } from '../../src/system/random.ts';
import { authorityOf } from '../support/certificates.ts';
import { freePort } from '../support/server-process.ts';

const disk = new PoolDisk();
const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'loggos-'));
  directories.push(directory);
  return directory;
}

const open = (data: string, flags: Record<string, string | boolean>) =>
  openPeering(disk, resolveConfiguration({ data, ...flags }, {}).values, silentObserver);

const born = (data: string, name: string, found?: () => Promise<{ clusterId: string; replicaId: number }>) =>
  openIdentity(disk, data, name, {
    ...{ random: systemRandom, observer: silentObserver },
    ...(found === undefined ? {} : { found }),
  });

test('members are numbered by their names, in whatever order they were told', async () => {
  const [one, two] = [await freePort(), await freePort()];
  const [gaios, lakka] = [`gaios=127.0.0.1:${one}`, `lakka=127.0.0.1:${two}`];
  const first = await open(newDirectory(), { replica: 'gaios', peers: `${lakka},${gaios}` });
  const second = await open(newDirectory(), { replica: 'lakka', peers: `${gaios},${lakka}` });
  assert.deepEqual(first?.founders, second?.founders);
  assert.deepEqual(
    first?.founders.map(({ id, name }) => [id, name]),
    [
      [1, 'gaios'],
      [2, 'lakka'],
    ],
  );
  assert.equal(await open(newDirectory(), {}), undefined, 'one that is told of nobody is alone');
});

test('what the first start was told is kept; later ones may bring new addresses and form no other group', async () => {
  const [port, later] = [await freePort(), await freePort()];
  const data = newDirectory();
  const peering = await open(data, { replica: 'gaios', peers: `gaios=127.0.0.1:${port}` });
  const identity = await born(data, 'gaios', () => peering?.found(new BootProgress()) ?? Promise.reject());
  assert.equal(identity.replicaId, 1);
  const known = [
    { id: 1, name: 'gaios', address: `127.0.0.1:${port}` },
    { id: 2, name: 'lakka', address: '127.0.0.1:7' },
  ];
  assert.deepEqual(await readFounders(disk, data), known.slice(0, 1));
  await writeFounders(disk, data, known);
  const again = await open(data, {});
  assert.deepEqual(again?.founders, known);
  const moved = await open(data, { peers: `lakka=127.0.0.1:8,gaios=127.0.0.1:${later}` });
  assert.deepEqual(
    moved?.founders.map(({ address }) => address),
    [`127.0.0.1:${later}`, '127.0.0.1:8'],
  );
  assert.equal(moved?.addressOf({ name: 'lakka', address: 'old' }), '127.0.0.1:8');
  assert.equal(moved?.addressOf({ name: 'added', address: '127.0.0.1:9' }), '127.0.0.1:9');
});

test('what cannot come to a group is refused before anything is written', async () => {
  const port = await freePort();
  const peers = `gaios=127.0.0.1:${port},lakka=127.0.0.1:1`;
  const data = newDirectory();
  await assert.rejects(open(data, { peers }), { code: 'usage', message: /does not name this replica: add loggos=/ });
  const taken = createServer().listen(port, '127.0.0.1');
  await assert.rejects(open(data, { replica: 'gaios', peers }), { code: 'in-use', message: /--peer/ });
  taken.close();
  const short = join(data, 'short');
  writeFileSync(short, 'sesame\n');
  await assert.rejects(open(data, { replica: 'gaios', peers, peerSecret: short }), {
    code: 'usage',
    message: /16 bytes/,
  });
  await assert.rejects(open(data, { replica: 'gaios', peers, peerSecret: join(data, 'none') }), {
    code: 'usage',
    message: /--peer-secret/,
  });
  const authority = authorityOf();
  const { key, certificate } = authority.issue(['lakka']);
  const flags = { peerCertificate: certificate, peerKey: key, peerAuthority: authority.certificate };
  for (const [flag, text] of Object.entries(flags)) writeFileSync(join(data, flag), text);
  const files = Object.fromEntries(Object.keys(flags).map((flag) => [flag, join(data, flag)]));
  await assert.rejects(open(data, { replica: 'gaios', peers, ...files }), {
    code: 'usage',
    message: /its SAN needs DNS:gaios, and has DNS:lakka/,
  });
  assert.equal(await readIdentity(disk, data), undefined);
  await born(data, 'gaios');
  await assert.rejects(open(data, { peers }), { code: 'usage', message: /is a group of its own/ });
});

test('every replica of a cluster names the first history of a database alike, and no other', () => {
  const id = firstHistoryId('cluster', 'main');
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal(firstHistoryId('cluster', 'main'), id);
  assert.notEqual(firstHistoryId('cluster', 'orders'), id);
  assert.notEqual(firstHistoryId('another', 'main'), id);
});
