import { DiskError } from '../../base/disk.ts';
import { SectorFile } from './sector-file.ts';

type Node = SectorFile | VolatileDirectory;

/**
 * A directory: its names as the machine sees them, and as the platter has them. The root resolves paths. A new name, a
 * removed one and a rename are volatile until the directory is synced.
 */
export class VolatileDirectory {
  readonly names = new Map<string, Node>();
  #platter = new Map<string, Node>();

  find(path: string): Node | undefined {
    let node: Node | undefined = this;
    // Without a list of the parts: it is asked at almost every call of a disk.
    for (let start = 0; start < path.length; ) {
      const slash = path.indexOf('/', start);
      const end = slash < 0 ? path.length : slash;
      if (end > start) node = node instanceof VolatileDirectory ? node.names.get(path.slice(start, end)) : undefined;
      start = end + 1;
    }
    return node;
  }

  file(path: string): SectorFile {
    const node = this.find(path);
    if (node === undefined) throw new DiskError('absent', path, `absent: ${path}`);
    if (node instanceof VolatileDirectory) throw new DiskError('failed', path, `a directory: ${path}`);
    return node;
  }

  directory(path: string): VolatileDirectory {
    const node = this.find(path);
    if (node instanceof VolatileDirectory) return node;
    throw new DiskError('absent', path, `no directory: ${path}`);
  }

  createFile(path: string): SectorFile {
    const file = new SectorFile();
    this.#add(path, file);
    return file;
  }

  makeDirectory(path: string): void {
    let directory: VolatileDirectory = this;
    for (const name of partsOf(path)) {
      const node: Node = directory.names.get(name) ?? new VolatileDirectory();
      if (!(node instanceof VolatileDirectory)) throw new DiskError('exists', path, `a file is there: ${path}`);
      directory.names.set(name, node);
      directory = node;
    }
  }

  rename(from: string, to: string): void {
    const node = this.find(from);
    if (node === undefined) throw new DiskError('absent', from, `absent: ${from}`);
    if (from === to) return;
    this.#parentOf(to).names.set(nameOf(to), node);
    this.remove(from);
  }

  link(from: string, to: string): void {
    this.#add(to, this.file(from));
  }

  remove(path: string): void {
    if (this.find(path) !== undefined) this.#parentOf(path).names.delete(nameOf(path));
  }

  /** From below: a directory that survives a power cut may have lost any of what was in it. */
  removeTree(path: string): void {
    const node = this.find(path);
    if (node instanceof VolatileDirectory) for (const name of [...node.names.keys()]) node.removeTree(name);
    this.remove(path);
  }

  sync(): void {
    this.#platter = new Map(this.names);
  }

  filesBelow(path: string, files = new Map<string, SectorFile>()): Map<string, SectorFile> {
    for (const [name, node] of this.names) {
      if (node instanceof SectorFile) files.set(`${path}/${name}`, node);
      else node.filesBelow(`${path}/${name}`, files);
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
      if (this.#platter.get(name) !== node && survives(node)) this.#platter.set(name, node);
    }
    for (const [name, node] of [...this.#platter]) {
      if (!this.names.has(name) && survives(node)) this.#platter.delete(name);
    }
    this.names.clear();
    for (const [name, node] of this.#platter) this.names.set(name, node);
    for (const node of this.names.values()) if (node instanceof VolatileDirectory) node.powerCut(toss, coins);
  }

  clone(twins = new Map<Node, Node>()): VolatileDirectory {
    const copy = new VolatileDirectory();
    const twin = (node: Node): Node => {
      const made = twins.get(node) ?? (node instanceof SectorFile ? node.clone() : node.clone(twins));
      twins.set(node, made);
      return made;
    };
    for (const [name, node] of this.names) copy.names.set(name, twin(node));
    for (const [name, node] of this.#platter) copy.#platter.set(name, twin(node));
    return copy;
  }

  #add(path: string, file: SectorFile): void {
    if (this.find(path) !== undefined) throw new DiskError('exists', path, `exists: ${path}`);
    this.#parentOf(path).names.set(nameOf(path), file);
  }

  #parentOf(path: string): VolatileDirectory {
    return this.directory(partsOf(path).slice(0, -1).join('/'));
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function nameOf(path: string): string {
  return partsOf(path).at(-1) ?? '';
}
