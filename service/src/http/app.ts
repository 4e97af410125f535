import express, { type Express } from 'express';
import type { Logger } from 'pino';
import type { Quotes } from '../db/quotes.ts';
import type { Identity } from '../identity.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Metrics } from '../metrics.ts';
import { openApiRoutes } from '../routes/openapi.ts';
import { pageRoutes } from '../routes/page.ts';
import { probeRoutes } from '../routes/probes.ts';
import { quoteRoutes } from '../routes/quotes.ts';
import { versionRoutes } from '../routes/version.ts';
import { refuseAmbiguous } from './ambiguous.ts';
import { answerProblem, noSuchRoute } from './problem.ts';
import { accompany } from './request.ts';
import { mount } from './route.ts';

/** What the routes stand on. */
export interface AppParts {
  readonly identity: Identity;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly quotes: Quotes;
  readonly log: Logger;
}

/** The application: every route, between what accompanies a request and what answers its errors. */
export function createApp({ identity, lifecycle, metrics, quotes, log }: AppParts): Express {
  const documented = [
    ...pageRoutes(quotes, identity),
    ...quoteRoutes(quotes),
    ...versionRoutes(identity),
    ...probeRoutes(lifecycle),
  ];
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(accompany(identity.pod, log, metrics));
  app.use(refuseAmbiguous());
  mount(app, [...documented, ...openApiRoutes(documented, identity)]);
  app.use(noSuchRoute);
  app.use(answerProblem);
  return app;
}
