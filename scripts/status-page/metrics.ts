import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { readExemptions } from '../check/exemptions/exemptions.ts';
import { YamlFiles } from '../check/yaml/yaml-files.ts';
import { environments } from '../environment.ts';
import type { DatabaseCluster } from '../gitops/database-problems.ts';
import type { PageSource } from './source.ts';

/** The page's own metrics. */
export interface PageMetrics {
  registry: Registry;
  requests: Counter<'route' | 'status'>;
  clients: Gauge;
}

/** What the metrics are made from besides the page's state. */
export interface MetricsSettings {
  /** The clone whose policies/exemptions.yaml holds; undefined: exemptions are not known. */
  root?: string;
  /** Where the cluster's own certificates are, as files; undefined: they are somebody else's. */
  pki?: string;
}

/** Makes the metrics; what is shown on the page is read anew at every scrape. */
export function createMetrics(source: PageSource, settings: MetricsSettings): PageMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => unknown) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        this.reset();
        await collect(this);
      },
    });
  const perEnvironment = (name: string, help: string, value: (view: View) => number) =>
    gauge(name, help, ['environment'], (own) => {
      for (const view of source.state().environments) {
        own.set({ environment: view.environment }, value(view));
      }
    });
  perEnvironment('quotes_environment_synced', '1 while Argo CD says Synced.', ({ sync }) =>
    Number(sync === 'Synced'),
  );
  perEnvironment('quotes_environment_healthy', '1 while Argo CD says Healthy.', ({ health }) =>
    Number(health === 'Healthy'),
  );
  perEnvironment(
    'quotes_environment_ready_replicas',
    "quote-app's ready pods.",
    ({ replicas }) => replicas.ready,
  );
  perEnvironment(
    'quotes_environment_wanted_replicas',
    'How many there shall be.',
    ({ replicas }) => replicas.wanted,
  );
  perEnvironment(
    'quotes_environment_problems',
    'Problems that status names.',
    ({ problems }) => problems.length,
  );
  new Counter({
    name: 'quotes_heals_total',
    help: 'What drifted and was put back since the page runs.',
    labelNames: ['environment'],
    registers,
    collect() {
      this.reset();
      for (const environment of environments) {
        this.inc({ environment }, source.healCount(environment));
      }
    },
  });
  gauge('quotes_audit_findings', 'Findings of the last audit, by kind.', ['kind'], (own) => {
    const { at, problem, findings = [] } = source.state().audit ?? {};
    for (const kind of at === undefined || problem !== undefined ? [] : ['policy', 'drift', 'unowned']) {
      own.set({ kind }, findings.filter((finding) => finding.kind === kind).length);
    }
  });
  gauge('quotes_watched_objects', 'Objects of the cluster that the page knows.', [], (own) =>
    own.set(source.state().objects),
  );
  gauge('quotes_unreadable_resources', 'Kinds of objects that cannot be read now.', [], (own) =>
    own.set(source.state().unreadable.length),
  );
  gauge(
    'quotes_certificate_expiry_timestamp_seconds',
    'When a certificate ends, in seconds since 1970.',
    ['name'],
    async (own) => {
      const all = [...databaseCertificates(source.databases()), ...(await certificateFiles(settings.pki))];
      for (const [name, end] of all) {
        own.set({ name }, end.getTime() / 1000);
      }
    },
  );
  gauge(
    'quotes_exemptions',
    'How many exemptions there are; not there where they are not known.',
    [],
    async (own) => {
      const known = await exemptionsOf(settings.root);
      own.remove();
      if (known !== undefined) {
        own.set(known.length);
      }
    },
  );
  gauge(
    'quotes_exemption_expiry_timestamp_seconds',
    'When an exemption ends, in seconds since 1970.',
    ['rule', 'environment', 'object'],
    async (own) => {
      for (const { rule, environment, kind, name, expires } of (await exemptionsOf(settings.root)) ?? []) {
        // The day itself still counts.
        own.set({ rule, environment, object: `${kind}/${name}` }, Date.parse(expires) / 1000 + 86_400);
      }
    },
  );
  return {
    registry,
    requests: new Counter({
      name: 'quotes_status_page_requests_total',
      help: "The page's own requests.",
      labelNames: ['route', 'status'],
      registers,
    }),
    clients: new Gauge({ name: 'quotes_status_page_clients', help: 'Browsers that follow live.', registers }),
  };
}

type View = ReturnType<PageSource['state']>['environments'][number];

/** CloudNativePG writes Go's own form, such as "2027-02-23 18:13:43 +0000 UTC". */
function databaseCertificates(clusters: readonly DatabaseCluster[]): [name: string, end: Date][] {
  return clusters.flatMap(({ metadata, status }) =>
    Object.entries(status?.certificates?.expirations ?? {}).map(([name, end]): [string, Date] => [
      `${metadata.namespace}/${name}`,
      new Date(end.replace(/ \w+$/, '')),
    ]),
  );
}

async function certificateFiles(folder: string | undefined): Promise<[name: string, end: Date][]> {
  const files = folder === undefined ? [] : await readdir(folder).catch(() => []);
  const certificates = files.filter((file) => file.endsWith('.crt'));
  return Promise.all(
    certificates.map(async (file): Promise<[string, Date]> => {
      const certificate = new X509Certificate(await readFile(path.join(folder ?? '', file)));
      return [path.basename(file, '.crt'), certificate.validToDate];
    }),
  );
}

async function exemptionsOf(root: string | undefined) {
  return root === undefined ? undefined : (await readExemptions(root, new YamlFiles(root))).exemptions;
}
