import { LoggosError } from '../base/errors.ts';

/** Resources that the interface describes and this version does not have, below `/v1` or a database. */
const planned =
  /^(?:\/collections|\/indexes\/[^/]+\/[^/]+|\/subscriptions\/[^/]+(?:\/(?:pull|ack|nack|seek))?|\/cluster\/members(?:\/[^/]+(?:\/promote)?)?|\/cluster\/leader|\/databases(?:\/[^/]+)?)$/;
const plannedPages: ReadonlySet<string> = new Set(['/docs', '/console']);
const plannedActions: ReadonlySet<string> = new Set(['query', 'count', 'bulk']);

/** Whether a path is of something that a later version answers. */
export function isPlanned(path: string): boolean {
  if (plannedPages.has(path)) return true;
  const [, below] = /^\/v1(?:\/databases\/[^/]+(?=\/))?(\/.*)$/.exec(path) ?? [];
  return (below !== undefined && planned.test(below)) || /^\/v1\/databases(?:\/[^/]+)?$/.test(path);
}

/** Whether a POST to what looks like a document is one of a collection's actions. */
export function isPlannedAction(method: string, documentId: string | undefined): boolean {
  return method === 'POST' && documentId !== undefined && plannedActions.has(documentId);
}

export function notInThisVersion(path: string): LoggosError {
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  return new LoggosError('no-such-route', `${shown} is not in this version`);
}
