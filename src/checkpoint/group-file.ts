import * as z from 'zod';
import { assert } from '../base/assert.ts';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Member, Membership } from '../paxos/chosen-value.ts';
import { readSmallFile, replaceFile } from './files.ts';
import { printSealed, readSealed } from './sealed-json.ts';

export const groupFileName = 'group.json';
const groupBytesMax = 16 * 1024 * 1024;

/** One history of the database: a restore starts another, which forks off after a position of its parent. */
export interface GroupHistory {
  readonly id: string;
  /** The cluster that began it. */
  readonly clusterId: string;
  readonly parent?: string;
  /** The last position and instance shared with the parent; 0 in the first history. */
  readonly forkPosition: number;
  readonly forkInstance: number;
}

/** A membership, with the instance that it was chosen at. */
export interface GroupMembership {
  readonly instance: number;
  readonly members: readonly Member[];
}

/** What a checkpoint says of its Paxos group. Histories: oldest first, the last is the present one. */
export interface Group {
  readonly clusterId: string;
  readonly histories: readonly GroupHistory[];
  readonly memberships: readonly GroupMembership[];
}

const member = z.strictObject({
  id: z.int().min(1),
  name: z.string(),
  incarnation: z.string().regex(/^[0-9a-f]{16}$/),
  role: z.enum(['voter', 'learner']),
  address: z.string(),
});
const history = z.strictObject({
  id: z.string().min(1).max(128),
  clusterId: z.string().min(1).max(128),
  parent: z.string().min(1).max(128).optional(),
  forkPosition: z.int().min(0),
  forkInstance: z.int().min(0),
});
const groupBody = z.strictObject({
  format: z.literal(1),
  clusterId: z.string().min(1).max(128),
  histories: z.array(history).min(1),
  memberships: z.array(z.strictObject({ instance: z.int().min(1), members: z.array(member).min(1) })),
});

/** The bytes of group.json, format 1. */
export function printGroup(group: Group): Uint8Array {
  return printSealed({
    format: 1,
    clusterId: group.clusterId,
    histories: group.histories.map(({ id, clusterId, parent, forkPosition, forkInstance }) => ({
      id,
      clusterId,
      ...(parent === undefined ? {} : { parent }),
      forkPosition,
      forkInstance,
    })),
    memberships: group.memberships.map(({ instance, members }) => ({
      instance,
      members: members.map(({ id, name, incarnation, role, address }) => ({ id, name, incarnation, role, address })),
    })),
  });
}

/** @throws LoggosError `code`, saying what is wrong */
export function readGroup(bytes: Uint8Array, code: 'checkpoint-damaged' | 'snapshot-damaged'): Group {
  const { body } = readSealed(bytes, groupFileName, code);
  const parsed = groupBody.safeParse(body);
  if (!parsed.success) {
    throw new LoggosError(code, `${groupFileName} is not one of format 1: ${z.prettifyError(parsed.error)}`);
  }
  const { clusterId, memberships } = parsed.data;
  const histories = parsed.data.histories.map(
    ({ parent, ...rest }): GroupHistory => (parent === undefined ? rest : { ...rest, parent }),
  );
  return { clusterId, histories, memberships };
}

/** The same without what was chosen after an instance: what is in a snapshot of it, equal on every replica. */
export function groupAt(group: Group, instance: number): Group {
  return { ...group, memberships: group.memberships.filter((membership) => membership.instance <= instance) };
}

/** The history that the database is in. */
export function presentHistory(group: Group): GroupHistory {
  const present = group.histories.at(-1);
  assert(present !== undefined, 'a group has a history');
  return present;
}

/**
 * group.json of the running checkpoint. Absent until the first membership is replayed. The Replayer adds each
 * membership and saves before the commit that covers it; entries above the checkpoint are ignored at open, since they
 * are replayed again.
 */
export class GroupFile {
  readonly #disk: Disk;
  readonly #directory: string;
  #group: Group | undefined;
  #saved = true;

  private constructor(disk: Disk, directory: string, group: Group | undefined) {
    this.#disk = disk;
    this.#directory = directory;
    this.#group = group;
  }

  /** @param directory - the checkpoint's: `checkpoints/<install>` @throws LoggosError `checkpoint-damaged` */
  static async open(disk: Disk, directory: string): Promise<GroupFile> {
    const bytes = await readSmallFile(disk, `${directory}/${groupFileName}`, groupBytesMax);
    return new GroupFile(disk, directory, bytes === undefined ? undefined : readGroup(bytes, 'checkpoint-damaged'));
  }

  get group(): Group | undefined {
    return this.#group;
  }

  /** The membership of the greatest instance at or below `instance`. */
  membershipAt(instance: number): GroupMembership | undefined {
    return this.#group?.memberships.findLast((membership) => membership.instance <= instance);
  }

  /** Notes a chosen membership; one that is there already is no change. */
  add(instance: number, membership: Membership): void {
    const { clusterId, historyId, members } = membership;
    const group: Group = this.#group ?? {
      clusterId,
      histories: [{ id: historyId, clusterId, forkPosition: 0, forkInstance: 0 }],
      memberships: [],
    };
    assert(group.clusterId === clusterId, 'a membership is of its own cluster', { instance, clusterId });
    // One noted above the checkpoint before a crash is replayed: same instance, same value.
    if (group.memberships.some((known) => known.instance === instance)) return;
    const memberships = [...group.memberships, { instance, members }].sort((a, b) => a.instance - b.instance);
    this.#group = { ...group, memberships };
    this.#saved = false;
  }

  /** Makes what was added durable. */
  async save(): Promise<void> {
    if (this.#saved || this.#group === undefined) return;
    await replaceFile(this.#disk, this.#directory, groupFileName, printGroup(this.#group));
    this.#saved = true;
  }
}
