import { writeFile } from 'node:fs/promises';
import { type Problem, problems } from '../src/api/problems.ts';

/** Where the printed table lies. */
export const problemsPage = new URL('../docs/problems.md', import.meta.url);

/** The page of all error codes, from the one table that the server answers by. */
export function printProblems(): string {
  const rows = Object.entries<Problem>(problems)
    .map(([code, problem]) => ({ code, ...problem }))
    .sort((left, right) => left.status - right.status);
  const lines = rows.map(
    ({ code, status, title, advice, retryAfterSeconds }) =>
      `| ${status} | \`${code}\` | ${title} | ${advice} | ${retryAfterSeconds === undefined ? '' : `${retryAfterSeconds} s`} |`,
  );
  return `# Problems

Every refusal and failure is \`application/problem+json\` (RFC 9457): \`type\` (\`/problems/<code>\`), \`title\`, \`status\`, \`detail\`,
\`code\`, \`instance\` (an error id that is in the server's log), and what helps. Printed from \`src/api/problems.ts\` by
\`node scripts/print-problems.ts\`; a test holds the two together.

| status | code | title | what to do | retry after |
| --- | --- | --- | --- | --- |
${lines.join('\n')}

A status may be nearer than its code's own: a time in the future is 422 \`invalid-parameter\`; what is no HTTP is 400, 408, 417
or 431 \`malformed-request\`. Codes with status 500 below \`internal\` are met by commands and at start, not over HTTP.
`;
}

if (import.meta.main) await writeFile(problemsPage, printProblems());
