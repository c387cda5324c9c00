/** Something for each of some documents, in the order in which they first came. */
export class DocumentMap<Value> {
  readonly #collections = new Map<string, Map<string, Value>>();
  /** Asked for last. Most often it is asked for again, and to compare a text that just came costs less than to find it. */
  #lastCollection: string | undefined;
  #lastDocuments: Map<string, Value> | undefined;

  get(collection: string, documentId: string): Value | undefined {
    return this.#documentsOf(collection)?.get(documentId);
  }

  set(collection: string, documentId: string, value: Value): void {
    const documents = this.#documentsOf(collection);
    if (documents === undefined) this.#collections.set(collection, new Map([[documentId, value]]));
    else documents.set(documentId, value);
  }

  delete(collection: string, documentId: string): void {
    const documents = this.#documentsOf(collection);
    if (!documents?.delete(documentId) || documents.size > 0) return;
    this.#collections.delete(collection);
    this.#lastCollection = undefined;
  }

  /** Collection by collection. */
  values(): Value[] {
    const values: Value[] = [];
    for (const documents of this.#collections.values()) for (const value of documents.values()) values.push(value);
    return values;
  }

  /** In the order of collections, then of ids: names are sorted alone, since comparing them needs nothing else. */
  sorted(): Value[] {
    const values: Value[] = [];
    for (const [, documents] of [...this.#collections].sort(byName)) {
      for (const documentId of [...documents.keys()].sort()) values.push(documents.get(documentId) as Value);
    }
    return values;
  }

  #documentsOf(collection: string): Map<string, Value> | undefined {
    if (collection === this.#lastCollection) return this.#lastDocuments;
    const documents = this.#collections.get(collection);
    if (documents === undefined) return undefined;
    this.#lastCollection = collection;
    this.#lastDocuments = documents;
    return documents;
  }
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}
