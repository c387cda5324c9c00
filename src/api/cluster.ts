import { z } from 'zod';
import { hashText, position, positionText, time } from './scalars.ts';

const instance = z.int().min(0);
const count = z.int().min(0);

/** Merge patch of one replica's checkpoint configuration. */
export const checkpointChange = z.strictObject({
  holdCount: count.optional(),
  holdBytes: count.optional(),
  holdSeconds: count.optional(),
  replayer: z.strictObject({ state: z.enum(['running', 'paused']) }).optional(),
  cleaner: z.strictObject({ state: z.enum(['running', 'paused']) }).optional(),
});

export const checkpointStatus = z.strictObject({
  minChosenInstance: instance,
  checkpointInstance: instance,
  maxChosenInstance: instance,
  appliedInstance: instance,
  holdCount: count,
  holdBytes: count,
  holdSeconds: count,
  log: z.strictObject({ segments: count, bytes: count }),
  replayer: z.strictObject({ state: z.enum(['running', 'paused', 'failed']), lag: count }),
  cleaner: z.strictObject({ state: z.enum(['running', 'paused']) }),
  transfers: z.array(
    z.strictObject({
      direction: z.enum(['send', 'receive']),
      peer: z.string(),
      instance,
      bytes: count,
      doneBytes: count,
      state: z.enum(['running', 'done', 'failed']),
      startedAt: time,
    }),
  ),
  digest: hashText,
});

export const digestQuery = z.strictObject({ instance: positionText.optional() });
export const digestAnswer = z.strictObject({ instance, position, chain: hashText, digest: hashText });

export const snapshotInfo = z.strictObject({ instance, position, time, bytes: count, digest: hashText, locks: count });
export const snapshotList = z.strictObject({ items: z.array(snapshotInfo) });

export const clusterStatus = z.strictObject({
  clusterId: z.string(),
  historyId: z.string(),
  database: z.string(),
  self: z.string(),
  leader: z.string().nullable(),
  ballot: z.string(),
  members: z.array(
    z.strictObject({
      id: z.int().min(1),
      name: z.string(),
      role: z.enum(['voter', 'learner']),
      address: z.string(),
      state: z.enum(['up', 'catching-up', 'installing', 'down']),
      appliedInstance: instance,
      lag: count,
      lastSeen: time.nullable(),
    }),
  ),
});

/** The body of every refusal, RFC 9457. */
export const problemBody = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  instance: z.string(),
});

/** Health checks of replicas. */
export const healthQuery = z.strictObject({
  verbose: z.string().optional().describe('Says each check'),
  exclude: z.string().max(256).optional().describe('Names of checks that do not count, separated by commas'),
  sync: z.string().optional().describe('Waits until a linearizable read would be answered'),
});
