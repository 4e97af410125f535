import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Context, Hono } from 'hono';
import { raw } from 'hono/html';
import { secureHeaders } from 'hono/secure-headers';
import { streamSSE } from 'hono/streaming';
import { timelineName } from './drills.ts';
import type { PageMetrics } from './metrics.ts';
import type { PageState } from './state.ts';
import { page, sections } from './view/page.ts';

/** What the page is made from, as `PageSource` tells it. */
export interface StateSource {
  ready: boolean;
  /** Another number after each change. */
  version: number;
  state(): PageState;
  onChange(listener: () => void): () => void;
  look(): Promise<void>;
}

/** What the server answers with. */
export interface ServerSettings {
  /** Where the drills' timelines are. */
  drills: string;
  /** The names under which it may be asked; a page elsewhere that has its name resolve to here is refused. */
  hosts: string[];
}

/** How many browsers may follow live; one more is told to come again. */
const mostClients = 100;
/** Milliseconds after which a quiet connection is written to, so that one that is gone is noticed. */
const heartbeat = 15_000;

const self = ["'self'"];
const policy = {
  defaultSrc: ["'none'"],
  scriptSrc: self,
  styleSrc: self,
  imgSrc: self,
  connectSrc: self,
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/** The page's HTTP answers: all of them reads. */
export function createApp(source: StateSource, metrics: PageMetrics, settings: ServerSettings): Hono {
  const app = new Hono();
  const parts = shared(source);
  const hosts = new Set(settings.hosts.map((host) => host.toLowerCase()));
  app.use(
    secureHeaders({ contentSecurityPolicy: policy, xFrameOptions: 'DENY', strictTransportSecurity: false }),
  );
  app.use(async (context, next) => {
    await next();
    metrics.requests.inc({ route: context.req.routePath, status: String(context.res.status) });
  });
  app.use(async (context, next) => {
    const host = new URL(context.req.url).hostname.replace(/^\[|\]$/g, '');
    // An address cannot be made to lead elsewhere; a kubelet and a scraper ask for one.
    return isIP(host) !== 0 || hosts.has(host) || hosts.has('*')
      ? next()
      : context.text(`This page does not answer for ${host}: start it with --host ${host}.`, 421);
  });
  app.get('/healthz', (context) => context.text('ok'));
  app.get('/readyz', (context) =>
    source.ready ? context.text('ok') : context.text('the cluster is not read yet', 503),
  );
  app.get('/metrics', async (context) => {
    return context.body(await metrics.registry.metrics(), 200, {
      'content-type': metrics.registry.contentType,
    });
  });
  app.get('/', async (context) => {
    await source.look();
    const safe = new Map([...parts()].map(([id, part]) => [id, raw(part)]));
    return context.html(page(source.state(), safe), 200, { 'cache-control': 'no-store' });
  });
  app.get('/state.json', async (context) => {
    await source.look();
    return context.json(source.state(), 200, { 'cache-control': 'no-store' });
  });
  app.get('/events', (context) => follow(context, source, parts, metrics));
  for (const [route, { file, type }] of Object.entries(files)) {
    app.get(route, async (context) =>
      context.body(await readFile(file, 'utf8'), 200, { 'content-type': type }),
    );
  }
  app.get('/drills/:file', async (context) => {
    const file = context.req.param('file');
    const svg = timelineName.test(file)
      ? await readFile(path.join(settings.drills, file), 'utf8').catch(() => undefined)
      : undefined;
    return svg === undefined
      ? context.notFound()
      : context.body(svg, 200, { 'content-type': 'image/svg+xml' });
  });
  app.notFound((context) => context.text('There is nothing here. The page is at /.', 404));
  return app;
}

const own = (file: string) => path.join(import.meta.dirname, 'view', file);
const files = {
  '/page.css': { file: own('page.css'), type: 'text/css; charset=utf-8' },
  '/page.js': { file: own('page.js'), type: 'text/javascript; charset=utf-8' },
  '/icon.svg': { file: own('icon.svg'), type: 'image/svg+xml' },
  '/idiomorph.js': {
    file: fileURLToPath(import.meta.resolve('idiomorph')),
    type: 'text/javascript; charset=utf-8',
  },
};

/** Sends the parts of the page that differ from what this client has, as soon as it has taken those before. */
function follow(
  context: Context,
  source: StateSource,
  parts: () => Map<string, string>,
  metrics: PageMetrics,
): Response {
  if (clients >= mostClients) {
    return context.text('Too many follow this page live.', 503, { 'retry-after': '30' });
  }
  // A browser that comes back after a pause asks for nothing else.
  void source.look();
  return streamSSE(context, async (stream) => {
    clients += 1;
    metrics.clients.set(clients);
    let wake = () => {};
    let changed = true;
    const stop = source.onChange(() => {
      changed = true;
      wake();
    });
    stream.onAbort(() => wake());
    const sent = new Map<string, string>();
    try {
      await stream.writeSSE({ event: 'begin', data: '', retry: 1000 });
      while (!stream.aborted) {
        if (changed) {
          changed = false;
          for (const [id, html] of parts()) {
            if (sent.get(id) !== html) {
              sent.set(id, html);
              await stream.writeSSE({ event: 'section', data: JSON.stringify({ id, html }) });
            }
          }
        } else if (
          !(await sleepUntil((woken) => {
            wake = woken;
          }))
        ) {
          await stream.writeSSE({ event: 'alive', data: '' });
        }
      }
    } finally {
      stop();
      clients -= 1;
      metrics.clients.set(clients);
    }
  });
}

let clients = 0;

/** The page's parts, made once for all who ask until something changes. */
function shared(source: StateSource): () => Map<string, string> {
  let made: { version: number; parts: Map<string, string> } | undefined;
  return () => {
    if (made?.version !== source.version) {
      made = { version: source.version, parts: sections(source.state()) };
    }
    return made.parts;
  };
}

/** Whether something woke it before the heartbeat was due. */
function sleepUntil(register: (woken: () => void) => void): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), heartbeat);
  register(() => {
    clearTimeout(timer);
    resolve(true);
  });
  return promise;
}
