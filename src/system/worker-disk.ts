import { Worker } from 'node:worker_threads';
import { type Disk, DiskError, type DiskFile } from '../base/disk.ts';
import { RemoteCalls } from '../base/remote-calls.ts';

/**
 * The file system by synchronous calls in a worker thread of its own: what the log writes with. Calls are made in the
 * order given; a sync waits for no other file's work. When the thread dies, every call waiting and every later one fails.
 */
export class WorkerDisk implements Disk {
  readonly #worker: Worker;
  readonly #calls: RemoteCalls;

  constructor() {
    this.#worker = new Worker(new URL('./disk-worker.ts', import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 3 },
    });
    this.#calls = new RemoteCalls({
      postMessage: (message, transfer) => this.#worker.postMessage(message, (transfer ?? []) as ArrayBuffer[]),
      on: (event, listener) => this.#worker.on(event, listener),
    });
    this.#worker.on('error', (error) => this.#calls.close(gone(`the disk worker failed: ${error}`)));
    this.#worker.on('exit', () => this.#calls.close(gone('the disk worker has ended')));
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const file = await this.#calls.call<number>('open', [path, mode]);
    return new WorkerDiskFile(this.#calls, file);
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#calls.call('list', [directory]);
  }

  stat(path: string): Promise<{ kind: 'file' | 'directory' | 'other'; bytes: number } | undefined> {
    return this.#calls.call('stat', [path]);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#calls.call('makeDirectory', [path]);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#calls.call('rename', [from, to]);
  }

  remove(path: string): Promise<void> {
    return this.#calls.call('remove', [path]);
  }

  removeTree(path: string): Promise<void> {
    return this.#calls.call('removeTree', [path]);
  }

  link(from: string, to: string): Promise<void> {
    return this.#calls.call('link', [from, to]);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#calls.call('syncDirectory', [path]);
  }

  freeBytes(path: string): Promise<number> {
    return this.#calls.call('freeBytes', [path]);
  }

  /** Ends the thread after every call made so far; later calls fail. */
  async close(): Promise<void> {
    await this.#calls.call('drain', []);
    await this.terminate();
  }

  /** Ends the thread at once: calls that wait fail, and whether they were done is unknown. */
  async terminate(): Promise<void> {
    this.#calls.close(gone('the disk worker was ended'));
    await this.#worker.terminate();
  }
}

class WorkerDiskFile implements DiskFile {
  readonly #calls: RemoteCalls;
  readonly #file: number;

  constructor(calls: RemoteCalls, file: number) {
    this.#calls = calls;
    this.#file = file;
  }

  size(): Promise<number> {
    return this.#calls.call('size', [this.#file]);
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#calls.call('read', [this.#file, offset, length]);
  }

  write(offset: number, bytes: Uint8Array): Promise<number> {
    return this.#send('write', offset, bytes);
  }

  sync(): Promise<void> {
    return this.#calls.call('sync', [this.#file]);
  }

  writeAndSync(offset: number, bytes: Uint8Array): Promise<number> {
    return this.#send('writeAndSync', offset, bytes);
  }

  truncate(bytes: number): Promise<void> {
    return this.#calls.call('truncate', [this.#file, bytes]);
  }

  close(): Promise<void> {
    return this.#calls.call('close', [this.#file]);
  }

  /** One tight copy, handed over: a view sent as it is would take its whole buffer along. */
  #send(method: string, offset: number, bytes: Uint8Array): Promise<number> {
    const copy = new Uint8Array(bytes);
    return this.#calls.call(method, [this.#file, offset, copy], [copy.buffer]);
  }
}

function gone(message: string): DiskError {
  return new DiskError('failed', '', message);
}
