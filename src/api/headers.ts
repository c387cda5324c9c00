/** Names of request headers of ours, as `node:http` gives them. */
export const requestHeaders = {
  deadline: 'loggos-deadline',
  eventType: 'loggos-event-type',
  history: 'loggos-history',
  idempotencyKey: 'idempotency-key',
  metadata: 'loggos-metadata',
  minPosition: 'loggos-min-position',
  traceparent: 'traceparent',
} as const;

/** Names of response headers of ours. */
export const responseHeaders = {
  history: 'Loggos-History',
  instance: 'Loggos-Instance',
  position: 'Loggos-Position',
  replayed: 'Idempotency-Replayed',
} as const;

/** Media types that requests and answers carry. */
export const mediaTypes = {
  json: 'application/json',
  problem: 'application/problem+json',
  mergePatch: 'application/merge-patch+json',
  jsonPatch: 'application/json-patch+json',
  eventStream: 'text/event-stream',
  lines: 'application/x-ndjson',
  cloudEvent: 'application/cloudevents+json',
  cloudEvents: 'application/cloudevents-batch+json',
  tar: 'application/x-tar',
  text: 'text/plain; charset=utf-8',
} as const;
