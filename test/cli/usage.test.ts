import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loggos } from '../support/server-process.ts';

const nobody = 'http://127.0.0.1:9';

test('every command is explained with an example', async () => {
  const { stdout } = await loggos('--help');
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1] ?? '');
  const expected =
    'serve cluster get put patch rm history diff events backup verify restore snapshot status log config simulate';
  for (const name of expected.split(' ')) {
    assert.ok(commands.includes(name), `${name} is a command`);
  }
  assert.match(stdout, /Exit codes: 0 done, 1 failed, 2 usage, .*75/);
  const groups: Readonly<Record<string, readonly string[]>> = {
    snapshot: ['save', 'list', 'status'],
    log: ['show', 'check'],
  };
  const paths = commands.filter((name) => name !== 'help').flatMap((name) => leaves(name, groups));
  const helps = await Promise.all(paths.map((path) => loggos(...path, '--help')));
  helps.forEach(({ code, stdout: help }, index) => {
    assert.equal(code, 0, String(paths[index]));
    assert.match(help, /Example:\n {2}\$ .*loggos /, String(paths[index]));
  });
});

test('a mistake in usage is one line and exit code 2', async () => {
  const mistakes = [
    ['serve', '--htp', '127.0.0.1:1'],
    ['serve', '--http', 'nowhere'],
    ['serve', '--http', '0.0.0.0:0'],
    ['serve', '--config', '/nowhere.json'],
    ['get'],
    ['frobnicate'],
    ['cluster', '--replicas', 'many'],
    ['snapshot', 'status', '/nowhere.tar'],
    ['diff', 'c', 'd', 'one', 'two'],
    ['put', 'c', 'd', '@/nowhere.json', '--url', nobody],
    ['backup', '--url', nobody],
    ['backup', '--url', nobody, '--to', '/nowhere/below/backup.tar'],
    ['simulate', '--seeds', '1', '--kept', '/nowhere'],
    ['simulate', '--seeds', '1', '--kept', fileURLToPath(import.meta.url)],
    ['get', 'c', 'd', '--url', 'nonsense'],
    ['get', 'c', 'd', '--url', 'localhost:8080'],
    ['put', 'c', 'd', '{}', '--if-revision', 'abc', '--url', nobody],
    ['restore', '/nowhere.tar', '--data', '/nowhere', '--replica', 'bad name!'],
  ];
  for (const words of mistakes) {
    const { code, stdout, stderr } = await loggos(...words);
    assert.equal(code, 2, words.join(' '));
    assert.match(stderr, /^loggos: [^\n]+\n$/, words.join(' '));
    assert.doesNotMatch(stderr, /ENOENT|EISDIR|ENOTDIR/, 'in words');
    assert.equal(stdout, '');
  }
});

test('a file that is not there is named as it was given', async () => {
  const configured = await loggos('serve', '--config', '/nowhere.json');
  assert.equal(configured.stderr, 'loggos: /nowhere.json: there is no such file or directory\n');
  const kept = await loggos('simulate', '--kept', '/nowhere');
  assert.equal(kept.stderr, 'loggos: /nowhere: there is no such file or directory\n');
});

test('help shows no number that nobody would type', async () => {
  const { stdout } = await loggos('log', 'show', '--help');
  assert.doesNotMatch(stdout, /\d{6,}/);
  assert.match(stdout, /at most so many records \(default: all\)/);
});

test('a mistake in usage points to the help of the very command', async () => {
  const { stderr } = await loggos('log', 'show', '--from', 'x');
  assert.match(stderr, /whole number from 0; see: loggos log show --help\n$/);
  assert.match((await loggos('get')).stderr, /; see: loggos get --help\n$/);
  assert.match((await loggos('frobnicate')).stderr, /; see: loggos --help\n$/);
});

test('only the command that makes documents offers revision 0', async () => {
  assert.match((await loggos('put', '--help')).stdout, /0: where\s+there is none/);
  for (const name of ['patch', 'rm']) assert.doesNotMatch((await loggos(name, '--help')).stdout, /0: where/);
});

test('a file that is no backup is named', async () => {
  const { code, stderr } = await loggos('verify', fileURLToPath(import.meta.url));
  assert.equal(code, 1);
  assert.match(stderr, /^loggos: \/.*usage\.test\.ts: .*\(snapshot-damaged\)\n$/);
});

test('a server that is only starting is a try again, exit code 75: surely nothing was done', async (context) => {
  const problem = { type: '/problems/starting', title: 'starting', status: 503, code: 'starting', detail: 'Booting.' };
  const starting = createServer((_, response) => {
    response.writeHead(503, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify(problem));
  }).listen(0, '127.0.0.1');
  context.after(() => starting.close());
  await once(starting, 'listening');
  const { port } = starting.address() as AddressInfo;
  for (const words of [['get', 'c', 'd'], ['put', 'c', 'd', '{}'], ['status']]) {
    const { code, stderr } = await loggos(...words, '--url', `http://127.0.0.1:${port}`);
    assert.equal(code, 75, words.join(' '));
    assert.match(stderr, /^loggos: [^\n]*Booting[^\n]*\(starting\)\n$/);
  }
});

test('a server that does not answer is one line and exit code 1', async () => {
  for (const words of [['get', 'c', 'd'], ['put', 'c', 'd', '{}'], ['status'], ['events'], ['snapshot', 'list']]) {
    const { code, stderr } = await loggos(...words, '--url', nobody);
    assert.equal(code, 1, words.join(' '));
    assert.match(stderr, /^loggos: no answer from http:\/\/127\.0\.0\.1:9[^\n]*\n$/);
  }
});

test('config shows where each value came from', async () => {
  const directory = mkdtempSync(`${tmpdir()}/loggos-config-`);
  try {
    writeFileSync(`${directory}/loggos.json`, '{"segmentBytes":"8MiB"}');
    const { code, stdout } = await loggos(
      'config',
      '--json',
      '--config',
      `${directory}/loggos.json`,
      '--deadline',
      '2s',
    );
    assert.equal(code, 0);
    const rows = new Map(
      stdout
        .trim()
        .split('\n')
        .map((line) => [JSON.parse(line).setting, JSON.parse(line)]),
    );
    assert.equal(rows.get('segmentBytes').value, '8MiB');
    assert.match(rows.get('segmentBytes').origin, /file/);
    assert.equal(rows.get('deadline').origin, '--deadline');
    assert.equal(rows.get('http').origin, 'default');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

function leaves(name: string, groups: Readonly<Record<string, readonly string[]>>): string[][] {
  return groups[name]?.map((child) => [name, child]) ?? [[name]];
}
