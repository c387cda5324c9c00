// The floors of docs/architecture.md: a file imports only from its own folder or from floors below.
const floors = [
  ['base'],
  ['system', 'api'],
  ['paxos', 'statemachine', 'client'],
  ['documents', 'log'],
  ['transport', 'checkpoint'],
  ['replica'],
  ['http', 'simulation'],
  ['server'],
  ['cli', 'console'],
];
const under = (folders) => `^src/(${folders.join('|')})/`;
const upward = floors.flatMap((floor, level) => {
  const above = floors.slice(level + 1).flat();
  return floor.map((folder) => ({
    name: `floor-${folder}`,
    comment: `src/${folder} may import only itself and floors below it`,
    severity: 'error',
    from: { path: under([folder]) },
    to: { path: under([...above, ...floor.filter((other) => other !== folder)]) },
  }));
});
const forbidden = (name, from, to, extra = {}) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: to, ...extra },
});
module.exports = {
  forbidden: [
    ...upward,
    {
      name: 'no-circles',
      comment: 'a circle with an edge of types alone is none: types are gone when it runs',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    forbidden(
      'documents-are-handed-over',
      under(['log', 'paxos', 'transport', 'checkpoint', 'replica']),
      '^src/documents/',
    ),
    forbidden('interfaces-not-system', under(['log', 'checkpoint', 'replica', 'documents']), '^src/system/'),
    forbidden('src-not-test', '^src/', '^test/'),
    forbidden('http-by-interfaces', '^src/http/', under(['replica', 'log', 'transport'])),
    forbidden('client-imports-api-only', '^src/client/', '^src/(?!client/|api/)'),
    {
      name: 'pure-floors',
      comment: 'paxos, documents/machine and base reach no Node module, through imports of imports too',
      severity: 'error',
      from: { path: '^src/(paxos|documents/machine|base)/' },
      to: { path: `^(node:)?(${require('node:module').builtinModules.join('|')})$`, reachable: true },
    },
    { name: 'not-resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
