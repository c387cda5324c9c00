import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveConfiguration, settingList } from '../../src/server/configuration.ts';

test('a flag is before the environment, that before the file, and that before the default', () => {
  const file = '{"segmentBytes":"8MiB","replica":"lakka","deadline":"1s"}';
  const environment = { LOGGOS_REPLICA: 'loggos', LOGGOS_DEADLINE: '2s' };
  const { values, origins } = resolveConfiguration({ deadline: '3s' }, environment, file);
  assert.equal(values.deadline, 3_000);
  assert.equal(values.replica, 'loggos');
  assert.equal(values.segmentBytes, 8 << 20);
  assert.equal(values.data, 'data');
  assert.equal(origins.deadline, '--deadline');
  assert.equal(origins.replica, 'LOGGOS_REPLICA');
  assert.equal(origins.segmentBytes, '"segmentBytes" in the file');
  assert.equal(origins.data, 'default');
});

test('what is wrong is named as it was written', () => {
  const refused = [
    { flags: { http: 'nowhere' }, message: /^--http "nowhere": an address is host:port/ },
    { flags: { http: '127.0.0.1:70000' }, message: /--http/ },
    { environment: { LOGGOS_SEGMENT_BYTES: '64 parsecs' }, message: /^LOGGOS_SEGMENT_BYTES "64 parsecs": a size/ },
    { environment: { LOGGOS_DEADLINE: '0' }, message: /^LOGGOS_DEADLINE/ },
    { file: '{"htttp":"x"}', message: /"htttp" in the file is not a setting/ },
    { file: '{"__proto__":{"http":"x"}}', message: /is not a setting/ },
    { file: '{"http":{"port":1}}', message: /"http" in the file/ },
    { file: '[1]', message: /one JSON object/ },
    { file: '{', message: /is not JSON/ },
    { flags: { logLevel: 'loud' }, message: /^--log-level "loud"/ },
    { flags: { replica: '../x' }, message: /^--replica/ },
  ];
  for (const { flags = {}, environment = {}, file, message } of refused) {
    assert.throws(() => resolveConfiguration(flags, environment, file), { code: 'usage', message });
  }
});

test('an address that others reach is refused unless it is asked for', () => {
  for (const http of ['0.0.0.0:8080', '[::]:8080', '192.168.1.2:80', 'example.org:80']) {
    assert.throws(() => resolveConfiguration({ http }, {}), { code: 'usage', message: /--insecure/ });
    assert.equal(resolveConfiguration({ http, insecure: true }, {}).values.insecure, true);
  }
  for (const http of ['8080', 'localhost:0', '[::1]:8080', '127.0.0.7:8080']) {
    assert.equal(resolveConfiguration({ http }, {}).values.insecure, false);
  }
});

test('the replicas of a group are named with their addresses, each once', () => {
  const peers = 'gaios=127.0.0.1:7000, lakka=localhost:7001,loggos=[::1]:7002';
  const { values } = resolveConfiguration({ peers, peer: '127.0.0.1:7000' }, {});
  assert.deepEqual(values.peers, [
    { name: 'gaios', host: '127.0.0.1', port: 7000 },
    { name: 'lakka', host: 'localhost', port: 7001 },
    { name: 'loggos', host: '::1', port: 7002 },
  ]);
  assert.deepEqual(values.peer, { host: '127.0.0.1', port: 7000 });
  const none = resolveConfiguration({}, {}).values;
  assert.deepEqual([none.peers, none.peer], [[], undefined]);
  for (const wrong of [
    'gaios',
    'gaios=',
    '=127.0.0.1:1',
    'Gaios=127.0.0.1:1',
    'a=localhost:0',
    'a=b:1,a=b:2',
    '../x=b:1',
  ]) {
    assert.throws(() => resolveConfiguration({ peers: wrong }, {}), {
      code: 'usage',
      message: /^--peers .*name=host:port/,
    });
  }
});

test('two replicas at one address are refused, since either would wait for the other for ever', () => {
  assert.throws(() => resolveConfiguration({ peers: 'a=localhost:1,b=localhost:2,c=localhost:1' }, {}), {
    code: 'usage',
    message: '--peers has localhost:1 for a and c: give each its own',
  });
});

test('replicas speak in plain over a network only where that is asked for', () => {
  const certificates = { peerCertificate: 'a.pem', peerKey: 'a.key', peerAuthority: 'ca.pem' };
  for (const open of [
    { peers: 'a=127.0.0.1:1,b=10.0.0.2:1' },
    { peers: 'a=gaios.example:1' },
    { peer: '0.0.0.0:7000' },
  ]) {
    assert.throws(() => resolveConfiguration(open, {}), { code: 'usage', message: /in plain.*--insecure/ });
    for (const how of [certificates, { peerSecret: 'secret' }, { insecure: true }])
      resolveConfiguration({ ...open, ...how }, {});
  }
  const half = { peerCertificate: 'a.pem', peerKey: 'a.key' };
  assert.throws(() => resolveConfiguration(half, {}), { code: 'usage', message: /belong together/ });
  const both = { ...certificates, peerSecret: 'secret' };
  assert.throws(() => resolveConfiguration(both, {}), { code: 'usage', message: /give one of them/ });
});

test('every setting says what it is for, and its default is valid', () => {
  resolveConfiguration({}, {});
  for (const { flag, description } of settingList) assert.match(description, /^[A-Z].*\.$/, flag);
});

test('a configuration cannot be changed after it was read', () => {
  assert.ok(Object.isFrozen(resolveConfiguration({}, {}).values));
});
