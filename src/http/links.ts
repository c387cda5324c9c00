import type { Request } from 'express';

/** `Link: <…>; rel="next"`: this request's address with some parameters replaced. */
export function nextLink(request: Request, parameters: Readonly<Record<string, string>>): Record<string, string> {
  const [path = '', query = ''] = request.originalUrl.split('?', 2);
  const search = new URLSearchParams(query);
  for (const [name, value] of Object.entries(parameters)) search.set(name, value);
  return { Link: `<${path}?${search}>; rel="next"` };
}
