/** Something for each of some documents, in the order in which they first came. */
export class DocumentMap<Value> {
  readonly #collections = new Map<string, Map<string, Value>>();

  get(collection: string, documentId: string): Value | undefined {
    return this.#collections.get(collection)?.get(documentId);
  }

  set(collection: string, documentId: string, value: Value): void {
    const documents = this.#collections.get(collection);
    if (documents === undefined) this.#collections.set(collection, new Map([[documentId, value]]));
    else documents.set(documentId, value);
  }

  delete(collection: string, documentId: string): void {
    const documents = this.#collections.get(collection);
    if (documents?.delete(documentId) && documents.size === 0) this.#collections.delete(collection);
  }

  /** Collection by collection. */
  values(): Value[] {
    const values: Value[] = [];
    for (const documents of this.#collections.values()) for (const value of documents.values()) values.push(value);
    return values;
  }
}
