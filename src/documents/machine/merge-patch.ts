import { copyOf, type DocumentLimits, isObject, type JsonObject, measure, pastLimits, setOwn } from './json-value.ts';

/**
 * The document after a merge patch (RFC 7396); `document` and `patch` are left as they are.
 * @throws LoggosError `key-not-allowed`, `document-too-large` (keys or depth of patch or result; the result's
 * bytes are for whoever prints it)
 */
export function applyMergePatch(document: unknown, patch: unknown, limits: DocumentLimits): unknown {
  // Bounds the recursion below, too.
  measure(document, pastLimits);
  measure(patch, limits);
  const result = merge(copyOf(document), patch);
  measure(result, limits);
  return result;
}

/** Changes and gives back `target` where both are objects. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return copyOf(patch);
  const object: JsonObject = isObject(target) ? target : {};
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === null) delete object[key];
    else setOwn(object, key, merge(Object.hasOwn(object, key) ? object[key] : undefined, value));
  }
  return object;
}
