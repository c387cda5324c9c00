import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RestServer } from './rest-server.ts';

let server: RestServer;

before(async () => {
  server = await RestServer.start();
});
after(() => server.stop());

interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Record<string, unknown>>>>>;
}

const description = async () => (await server.send('GET', '/openapi.json')).json as OpenApi;
const example = (path: string) =>
  path.replace('{position}', '1').replace('{instance}', '1').replace('{collection}', 'c').replace('{id}', 'a');

test('every path that is described is there, with exactly the methods that are described', async () => {
  const { openapi, paths } = await description();
  assert.equal(openapi, '3.1.0');
  assert.ok(Object.keys(paths).length >= 20);
  for (const [path, operations] of Object.entries(paths)) {
    const options = await server.send('OPTIONS', example(path));
    assert.equal(options.status, 204, path);
    const allowed = String(options.headers.allow)
      .split(', ')
      .map((method) => method.toLowerCase());
    const described = Object.keys(operations);
    const expected = [...described, ...(described.includes('get') ? ['head'] : []), 'options'];
    assert.deepEqual(allowed.sort(), expected.sort(), path);
    const refused = await server.send('TRACE', example(path));
    assert.deepEqual([refused.status, refused.json.code], [405, 'method-not-allowed'], path);
    assert.equal(refused.headers.allow, options.headers.allow);
  }
});

test('parameters are those that are taken: each is known, others are refused', async () => {
  const { paths } = await description();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (method !== 'get') continue;
      const unknown = await server.send('GET', `${example(path)}?surely-unknown=1`);
      assert.deepEqual([unknown.status, unknown.json.code], [400, 'invalid-parameter'], path);
      for (const { name, in: place } of operation.parameters as { name: string; in: string }[]) {
        if (place !== 'query') continue;
        const twice = await server.send('GET', `${example(path)}?${name}=1&${name}=1`);
        assert.match(twice.json.detail, /given twice/, `${path} ${name}`);
      }
    }
  }
});

test('text that is parsed is described as what it means', async () => {
  const { paths } = await description();
  const parameters = paths['/v1/events']?.get?.parameters as {
    name: string;
    schema: Record<string, unknown>;
  }[];
  const schemaOf = (name: string) => parameters.find((parameter) => parameter.name === name)?.schema;
  assert.deepEqual(schemaOf('limit'), { type: 'integer', minimum: 1, maximum: 1_000, default: 100 });
  assert.deepEqual(schemaOf('since'), { type: 'string', format: 'date-time', description: 'Inclusive' });
});
