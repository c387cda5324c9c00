import type { IncomingMessage, ServerResponse } from 'node:http';
import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
  Router,
} from 'express';
import { LoggosError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { answering } from './answer.ts';
import { AppliedFeed } from './applied-feed.ts';
import { checkpointRoutes } from './checkpoint.ts';
import { clusterRoutes } from './cluster.ts';
import { collectionRoutes } from './collections.ts';
import type { Database } from './database.ts';
import { documentVersionRoutes } from './document-versions.ts';
import { addDocumentRoutes } from './documents.ts';
import { eventRoutes } from './events.ts';
import { healthRoutes } from './health.ts';
import { asksForStream, HeldStreams } from './held-streams.ts';
import { hostCheck } from './host-check.ts';
import type { HttpServices } from './http-services.ts';
import { openApiRoutes } from './openapi.ts';
import { isPlanned, notInThisVersion } from './planned-routes.ts';
import { answeringProblems } from './problem-answer.ts';
import { rootRoutes } from './root.ts';
import { Salts } from './salts.ts';
import { snapshotRoutes } from './snapshots.ts';
import { StreamCount } from './stream-count.ts';
import { transactionRoutes } from './transactions.ts';

/** Where `main` is served. */
const mainPath = '/v1';

export interface HttpAppOptions extends Omit<HttpServices, 'salts'> {
  readonly random: Random;
  /** By name; `main` is also what `/v1` serves. Looked up at each request: databases may come and go. */
  readonly databases: ReadonlyMap<string, Database>;
  /** The text of `/metrics`, in Prometheus' format. */
  metrics(): Promise<string>;
  /** Of the program, for `/openapi.json`. */
  readonly version: string;
}

/** The REST interface, to be served by `createHttpServer`. */
export interface HttpApp {
  /** Whose prototypes the requests and responses given to `serve` must have. */
  readonly express: Express;
  serve(request: IncomingMessage, response: ServerResponse): void;
  readonly services: HttpServices;
  /** Event streams and long polls that are open. */
  readonly openStreams: number;
  /** Ends every event stream and long poll after a whole event; later ones end at once. For an orderly stop. */
  closeStreams(): void;
}

export function createHttpApp(options: HttpAppOptions): HttpApp {
  const { databases, metrics, version, settings } = options;
  const { clock, hashes, observer, ids } = options;
  const services: HttpServices = { settings, clock, hashes, observer, ids, salts: new Salts(options.random) };
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.enable('case sensitive routing');
  app.enable('strict routing');

  const streams = new StreamCount(settings.streamsMax);
  const held = new HeldStreams(streams);
  const feeds = new Set<AppliedFeed>();
  const handlers = new WeakMap<Database, RequestHandler>();
  let isClosed = false;
  const handlerOf = (database: Database): RequestHandler => {
    const known = handlers.get(database);
    if (known !== undefined) return known;
    const feed = new AppliedFeed(database.read, services.clock);
    if (isClosed) feed.close();
    feeds.add(feed);
    const handler = databaseHandler(database, services, feed, streams);
    handlers.set(database, handler);
    return handler;
  };

  const serveDatabase = (request: Request, response: Response, next: NextFunction): void => {
    const database = databases.get(String(request.params.database));
    // A database itself is created and dropped by a later version.
    if (request.path === '/') next();
    else if (database === undefined) next(new LoggosError('not-found', 'there is no such database'));
    else if (database.opening !== undefined && asksForStream(request, request.url)) {
      held.hold(response, database.opening).then(() => serveDatabase(request, response, next), next);
    } else handlerOf(database)(request, response, next);
  };
  app.use('/v1/databases/:database', serveDatabase);
  const answer = answering(services);
  app.use(healthRoutes(databases, metrics, services, answer));
  app.use(openApiRoutes(version, answer));
  app.use(rootRoutes(version, answer));
  app.use((request: Request, _response: Response) => {
    if (isPlanned(request.path)) throw notInThisVersion(request.path);
    const path = request.path.length > 200 ? `${request.path.slice(0, 200)}…` : request.path;
    throw new LoggosError('no-such-route', `there is nothing at ${path}`);
  });
  const answerProblem = answeringProblems(services);
  // Express knows an error handler by its four parameters.
  app.use((failure: unknown, request: Request, response: Response, _next: NextFunction) => {
    answerProblem(failure, request, response);
  });

  const checkHost = settings.checkHost ? hostCheck(settings) : () => undefined;
  const serve = (request: Request, response: Response): void => {
    const refusal = checkHost(request);
    const main = databases.get('main');
    const { url } = request;
    if (refusal !== undefined) {
      answerProblem(refusal, request, response);
      return;
    }
    if (main === undefined || !url.startsWith(`${mainPath}/`)) {
      app(request, response);
      return;
    }
    if (main.opening !== undefined && asksForStream(request, url.slice(mainPath.length))) {
      const refuse = (error: unknown): void => answerProblem(error, request, response);
      held.hold(response, main.opening).then(() => serve(request, response), refuse);
      return;
    }
    // Straight to its routes: the app and a mount in it would cost as much as parsing the body.
    request.originalUrl = url;
    request.baseUrl = mainPath;
    request.url = url.slice(mainPath.length);
    handlerOf(main)(request, response, (error?: unknown) => {
      request.baseUrl = '';
      request.url = url;
      if (error) answerProblem(error, request, response);
      else app(request, response);
    });
  };

  return {
    express: app,
    serve: (request, response) => serve(request as Request, response as Response),
    services,
    get openStreams() {
      return streams.open;
    },
    closeStreams() {
      isClosed = true;
      held.close();
      for (const feed of feeds) feed.close();
    },
  };
}

/** All of one database; the hot routes stand first, and pass no router where they need none. */
function databaseHandler(
  database: Database,
  services: HttpServices,
  feed: AppliedFeed,
  streams: StreamCount,
): RequestHandler {
  const answer = answering(services, database);
  const router = Router({ caseSensitive: true, strict: true });
  const plainHandler = addDocumentRoutes(router, database, services, answer);
  router.use(collectionRoutes(database, services, answer));
  router.use(documentVersionRoutes(database, services, answer));
  router.use(transactionRoutes(database, services, answer));
  router.use(eventRoutes(database, services, answer, feed, streams));
  router.use(checkpointRoutes(database, services, answer));
  router.use(snapshotRoutes(database, services, answer));
  router.use(clusterRoutes(database, answer));
  return (request, response, next) => (plainHandler(request) ?? router)(request, response, next);
}
