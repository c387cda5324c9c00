import type { Requests } from './requests.ts';

/** What a write may ask for beside its content. */
export interface WriteOptions {
  /** Only where the document has this revision: the number, or the entity tag's text. 0: only where it is not there. */
  readonly ifRevision?: number | string;
  readonly idempotencyKey?: string;
  /** The domain's word for what happened, such as `order.shipped`. */
  readonly eventType?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What became of a write. */
export interface Written {
  readonly id: string;
  readonly revision: number;
  readonly position: number;
  readonly time: string;
}

/** Which moment of a document is asked for; nothing: the present one. */
export interface AsOf {
  readonly revision?: number;
  readonly position?: number;
  /** RFC 3339. */
  readonly time?: string;
}

export interface ReadOptions {
  readonly consistency?: 'linearizable' | 'lease' | 'local';
  /** Wait until this position is applied at the server. */
  readonly minPosition?: number;
}

/** A document as answered: its text is what is stored. */
export interface StoredDocument {
  readonly text: string;
  /** Without quotes; what `ifRevision` takes. */
  readonly tag: string;
  /** What the answer is exact at. */
  readonly position: number;
}

/** One event of a document or of the total order; see docs/formats.md for all its members. */
export interface DocumentEvent {
  readonly position: number;
  readonly time: string;
  readonly operation: string;
  readonly revision: number;
  readonly id: string;
  readonly actor: string;
  readonly collection: string;
  readonly documentId: string;
  readonly type: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly document?: unknown;
  readonly patch?: unknown;
}

/** A page of anything. `cursor` leads on. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly cursor?: string;
}

export interface PageItem {
  readonly id: string;
  readonly revision: number;
  readonly position: number;
  readonly time: string;
  readonly document: unknown;
}

/** One operation of a transaction. */
export interface TransactionOperation {
  readonly op: 'put' | 'create' | 'merge' | 'patch' | 'delete' | 'check';
  readonly collection: string;
  readonly id: string;
  readonly document?: unknown;
  readonly patch?: unknown;
  readonly ifRevision?: number | string;
}

/** Documents of one database: read, written, and as they were. */
export class Documents {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  async get(collection: string, id: string, options: AsOf & ReadOptions = {}): Promise<StoredDocument> {
    const { minPosition, ...query } = options;
    const headers = { 'Loggos-Min-Position': minPosition?.toString() };
    const response = await this.#requests.send('GET', pathOf(collection, id), { query: { ...query }, headers });
    return { text: await response.text(), tag: tagOf(response), position: positionOf(response) };
  }

  /** Creates or replaces. `document`: a value, or its JSON text. */
  put(collection: string, id: string, document: object | string, options?: WriteOptions): Promise<Written> {
    return this.#write('PUT', pathOf(collection, id), 'application/json', document, options);
  }

  /** Creates under an id of the server's making. */
  create(collection: string, document: object | string, options?: WriteOptions): Promise<Written> {
    return this.#write('POST', pathOf(collection), 'application/json', document, options);
  }

  /** RFC 7396. */
  merge(collection: string, id: string, patch: object | string, options?: WriteOptions): Promise<Written> {
    return this.#write('PATCH', pathOf(collection, id), 'application/merge-patch+json', patch, options);
  }

  /** RFC 6902. */
  patch(collection: string, id: string, patch: readonly object[] | string, options?: WriteOptions): Promise<Written> {
    return this.#write('PATCH', pathOf(collection, id), 'application/json-patch+json', patch, options);
  }

  /** The deletion is an event: its revision and position are in the answer, and the history stays. */
  async delete(collection: string, id: string, options: WriteOptions = {}): Promise<{ readonly position: number }> {
    const response = await this.#requests.send('DELETE', pathOf(collection, id), { headers: writeHeaders(options) });
    await response.arrayBuffer();
    return { position: positionOf(response) };
  }

  /** Writes the content of an old revision as a new event. */
  restore(collection: string, id: string, revision: number, options?: WriteOptions): Promise<Written> {
    return this.#write('POST', `${pathOf(collection, id)}/restore`, 'application/json', { revision }, options);
  }

  page(collection: string, query: { readonly limit?: number; readonly cursor?: string } = {}): Promise<Page<PageItem>> {
    return this.#requests.json('GET', pathOf(collection), { query: { ...query } });
  }

  history(
    collection: string,
    id: string,
    query: {
      readonly after?: number | string;
      readonly before?: number | string;
      readonly order?: 'asc' | 'desc';
      readonly limit?: number;
      readonly include?: 'document';
    } = {},
  ): Promise<Page<DocumentEvent>> {
    return this.#requests.json('GET', `${pathOf(collection, id)}/history`, { query: { ...query } });
  }

  /** A JSON Patch from one revision to another. */
  diff(collection: string, id: string, from: number, to: number): Promise<readonly object[]> {
    return this.#requests.json('GET', `${pathOf(collection, id)}/diff`, { query: { from, to } });
  }

  /** All of them or none. */
  transaction(
    operations: readonly TransactionOperation[],
    options: WriteOptions = {},
  ): Promise<{ readonly results: readonly { readonly revision: number; readonly position: number }[] }> {
    const headers = { ...writeHeaders(options), 'Content-Type': 'application/json' };
    return this.#requests.json('POST', '/transactions', { headers, body: JSON.stringify({ operations }) });
  }

  #write(
    method: string,
    path: string,
    type: string,
    content: object | string,
    options: WriteOptions = {},
  ): Promise<Written> {
    const headers = { ...writeHeaders(options), 'Content-Type': type };
    const body = typeof content === 'string' ? content : JSON.stringify(content);
    return this.#requests.json(method, path, { headers, body });
  }
}

function pathOf(collection: string, id?: string): string {
  const path = `/documents/${encodeURIComponent(collection)}`;
  return id === undefined ? path : `${path}/${encodeURIComponent(id)}`;
}

function writeHeaders(options: WriteOptions): Record<string, string | undefined> {
  const { ifRevision } = options;
  const absent = ifRevision === 0 || ifRevision === '0';
  return {
    'If-None-Match': absent ? '*' : undefined,
    'If-Match': ifRevision === undefined || absent ? undefined : `"${ifRevision}"`,
    'Idempotency-Key': options.idempotencyKey,
    'Loggos-Event-Type': options.eventType,
    'Loggos-Metadata': options.metadata === undefined ? undefined : JSON.stringify(options.metadata),
  };
}

function tagOf(response: Response): string {
  return /^(?:W\/)?"(.*)"$/.exec(response.headers.get('etag') ?? '')?.[1] ?? '';
}

function positionOf(response: Response): number {
  return Number(response.headers.get('loggos-position') ?? 0);
}
