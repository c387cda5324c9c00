import { DiskError } from '../../src/base/disk.ts';
import { MemoryFile } from './memory-disk-file.ts';

type Node = MemoryFile | MemoryDirectory;

/** A directory: the names as they are seen, and as the platter has them. The root resolves paths. */
export class MemoryDirectory {
  readonly names = new Map<string, Node>();
  #durable = new Map<string, Node>();

  find(path: string): Node | undefined {
    let node: Node | undefined = this;
    for (const name of partsOf(path)) node = node instanceof MemoryDirectory ? node.names.get(name) : undefined;
    return node;
  }

  file(path: string): MemoryFile {
    const node = this.find(path);
    if (node === undefined) throw new DiskError('absent', path, `absent: ${path}`);
    if (node instanceof MemoryDirectory) throw new DiskError('failed', path, `a directory: ${path}`);
    return node;
  }

  directory(path: string): MemoryDirectory {
    const node = this.find(path);
    if (node instanceof MemoryDirectory) return node;
    throw new DiskError('absent', path, `no directory: ${path}`);
  }

  createFile(path: string): MemoryFile {
    const file = new MemoryFile();
    this.#add(path, file);
    return file;
  }

  makeDirectory(path: string): void {
    let directory: MemoryDirectory = this;
    for (const name of partsOf(path)) {
      const node: Node = directory.names.get(name) ?? new MemoryDirectory();
      if (!(node instanceof MemoryDirectory)) throw new DiskError('exists', path, `a file is there: ${path}`);
      directory.names.set(name, node);
      directory = node;
    }
  }

  rename(from: string, to: string): void {
    const node = this.find(from);
    if (node === undefined) throw new DiskError('absent', from, `absent: ${from}`);
    this.#parentOf(to).names.set(nameOf(to), node);
    this.remove(from);
  }

  link(from: string, to: string): void {
    this.#add(to, this.file(from));
  }

  remove(path: string): void {
    if (this.find(path) !== undefined) this.#parentOf(path).names.delete(nameOf(path));
  }

  sync(): void {
    this.#durable = new Map(this.names);
  }

  filesBelow(path: string): Map<string, MemoryFile> {
    const files = new Map<string, MemoryFile>();
    for (const [name, node] of this.names) {
      if (node instanceof MemoryFile) files.set(`${path}/${name}`, node);
      else for (const [below, file] of node.filesBelow(`${path}/${name}`)) files.set(below, file);
    }
    return files;
  }

  /**
   * Each unsynced change of a name survives if the coin says so. All changes for one file share a coin: a rename is
   * never half done.
   */
  powerCut(toss: () => boolean, coins = new Map<Node, boolean>()): void {
    const survives = (node: Node) => {
      const coin = coins.get(node) ?? toss();
      coins.set(node, coin);
      return coin;
    };
    for (const [name, node] of this.names) {
      if (this.#durable.get(name) !== node && survives(node)) this.#durable.set(name, node);
    }
    for (const [name, node] of [...this.#durable]) {
      if (!this.names.has(name) && survives(node)) this.#durable.delete(name);
    }
    this.names.clear();
    for (const [name, node] of this.#durable) this.names.set(name, node);
    for (const node of this.names.values()) if (node instanceof MemoryDirectory) node.powerCut(toss, coins);
  }

  clone(twins: Map<Node, Node>): MemoryDirectory {
    const copy = new MemoryDirectory();
    const twin = (node: Node): Node => {
      const made = twins.get(node) ?? (node instanceof MemoryFile ? node.clone() : node.clone(twins));
      twins.set(node, made);
      return made;
    };
    for (const [name, node] of this.names) copy.names.set(name, twin(node));
    for (const [name, node] of this.#durable) copy.#durable.set(name, twin(node));
    return copy;
  }

  #add(path: string, file: MemoryFile): void {
    if (this.find(path) !== undefined) throw new DiskError('exists', path, `exists: ${path}`);
    this.#parentOf(path).names.set(nameOf(path), file);
  }

  #parentOf(path: string): MemoryDirectory {
    return this.directory(partsOf(path).slice(0, -1).join('/'));
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function nameOf(path: string): string {
  return partsOf(path).at(-1) ?? '';
}
