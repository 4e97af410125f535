import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Environment, environments } from '../environment.ts';
import type { DatabaseCluster } from '../gitops/database-problems.ts';
import { type Applications, revisionOf } from '../gitops/status.ts';
import type { StatusSource } from '../release/commit-statuses.ts';
import type { Api } from '../watch/api.ts';
import { ClusterWatch } from '../watch/cluster-watch.ts';
import { Audits } from './audits.ts';
import { Changes } from './changes.ts';
import { DrillRuns, type DrillView } from './drills.ts';
import { GitHistory } from './git-history.ts';
import { type Heal, HealWatch } from './heals.ts';
import { mostAsked, PodMetrics, type ReadPod, type Scraped } from './pod-metrics.ts';
import { objectsOf, shown } from './shown-resources.ts';
import { environmentView, type PagePod, type PageState, roleLabel } from './state.ts';
import { TrackedKinds } from './tracked-kinds.ts';

/** What the page is told of the cluster besides its API. */
export interface SourceSettings {
  /** What the cluster is called. */
  cluster: string;
  urls: Partial<Record<Environment, string>>;
  /** Where commits are looked up, in turn; the first one's main is what the cluster deploys. */
  repositories: string[];
  statuses?: StatusSource;
  /** How pods are asked for their metrics. */
  readPod: ReadPod;
  /** Where drills keep their runs. */
  drills: string;
  /** The file that heals are kept in from one start to the next; undefined: they are forgotten. */
  heals?: string;
  /** Which cluster, as `npm run audit` takes it; undefined: no audits. */
  audit?: string[];
}

/** Milliseconds: what changes within them after the first is told together; between two looks at metrics; between two at files. */
const [together, betweenMetrics, betweenFiles] = [200, 2000, 5000];
/** For how long after somebody looked pods are asked for their metrics and Git for its commits, in milliseconds. */
const attention = 60_000;
const keptHeals = 50;

/** Puts together what the page shows, and tells when it has changed. */
export class PageSource {
  readonly #settings: SourceSettings;
  readonly #watch: ClusterWatch;
  readonly #audits: Audits;
  readonly #metrics: PodMetrics;
  readonly #history: GitHistory;
  readonly #tracked: TrackedKinds;
  readonly #drillRuns: DrillRuns;
  readonly #listeners = new Set<() => void>();
  readonly #timers: NodeJS.Timeout[] = [];
  #heals: Heal[] = [];
  #healCount = new Map<Environment, number>();
  #drills: DrillView[] = [];
  #version = 0;
  #made: { version: number; at: number; state: PageState } | undefined;
  #looked = 0;
  #ready = false;
  #pending: NodeJS.Timeout | undefined;
  #again = false;

  constructor(api: Api, settings: SourceSettings) {
    this.#settings = settings;
    this.#metrics = new PodMetrics(settings.readPod);
    this.#drillRuns = new DrillRuns(settings.drills);
    this.#audits = new Audits(settings.audit ?? [], () => this.#changed());
    this.#history = new GitHistory(settings.repositories, settings.statuses, () => {
      this.#audits.changed();
      this.#changed();
    });
    const revision = (environment: Environment) => revisionOf(environment, this.#applications()) ?? '';
    const heals = new HealWatch(revision, (heal) => {
      this.#heals = [heal, ...this.#heals].slice(0, keptHeals);
      this.#healCount.set(heal.environment, this.healCount(heal.environment) + 1);
      void this.#keepHeals();
      this.#changed();
    });
    const changes = new Changes();
    this.#watch = new ClusterWatch(
      api,
      (sight) => {
        heals.see(sight, new Date());
        if (changes.isChange(sight)) {
          this.#audits.changed();
        }
      },
      () => this.#changed(),
    );
    this.#tracked = new TrackedKinds(api, this.#watch);
  }

  /** Watches from now on. Resolves when there is a first state. */
  async start(): Promise<void> {
    this.#heals = await this.#keptHeals();
    await Promise.all(Object.values(shown).map((resource) => this.#watch.add(resource)));
    const applications = this.#applications();
    await Promise.all([
      this.#tracked.follow(applications.applications),
      this.#history.follow(applications),
      this.#readDrills(),
    ]);
    this.#ready = true;
    this.#every(betweenMetrics, () => this.#askPods());
    this.#every(betweenFiles, () => this.#readDrills());
    if (this.#settings.audit !== undefined) {
      this.#every(betweenFiles, () => this.#audits.tick(this.#isWatched()));
    }
  }

  stop(): void {
    this.#watch.stop();
    clearTimeout(this.#pending);
    for (const timer of this.#timers) {
      clearInterval(timer);
    }
  }

  /** Whether there was a first state. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Calls the listener after each change, until what it returns is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Somebody looks now: figures that cost something are asked for. Resolves when what Git knows is known here, or after
   * three seconds: a forge may not answer, and what comes late is told as a change.
   */
  async look(): Promise<void> {
    this.#looked = Date.now();
    const known = this.#history.follow(this.#applications()).catch(tellDefect);
    await Promise.race([known, sleep(3000, undefined, { ref: false })]);
  }

  /** How often an environment was healed since the page runs. */
  healCount(environment: Environment): number {
    return this.#healCount.get(environment) ?? 0;
  }

  databases(): readonly DatabaseCluster[] {
    return this.#watch.list(shown.databases);
  }

  /** Another number after each change. */
  get version(): number {
    return this.#version;
  }

  /** All there is to know now: made once for all who ask until it changes, or a second is over. */
  state(): PageState {
    const made = this.#made;
    if (made?.version === this.#version && Date.now() - made.at < 1000) {
      return made.state;
    }
    const state = this.#state();
    this.#made = { version: this.#version, at: Date.now(), state };
    return state;
  }

  #state(): PageState {
    const objects = objectsOf(this.#watch);
    const { cluster, urls } = this.#settings;
    const argocd = this.#argocdUi();
    const at = new Date();
    return {
      cluster,
      ...(argocd !== undefined && { argocd }),
      unreadable: this.#watch.problems(),
      unseen: this.#watch.unseen(),
      objects: this.#watch.size,
      environments: environments.map((environment) => {
        const commit = this.#history.commit(environment, objects);
        const version = this.#history.version(environment);
        const url = urls[environment];
        return environmentView(
          environment,
          objects,
          {
            ...(url !== undefined && { url }),
            ...(commit !== undefined && { commit }),
            ...(version !== undefined && { version }),
            requests: (uid) => this.#metrics.requests(uid),
            lag: (uid) => this.#metrics.lag(uid),
            heals: this.#heals.filter((heal) => heal.environment === environment),
          },
          at,
        );
      }),
      ...(this.#settings.audit !== undefined && { audit: this.#audits.view }),
      drills: this.#drills,
    };
  }

  /** Where Argo CD's UI is, as its own configuration says; undefined where it says nothing. */
  #argocdUi(): string | undefined {
    const [config] = this.#watch.list<{ data?: { url?: string } }>(shown.argocd);
    const url = config?.data?.url?.replace(/\/$/, '');
    return url !== undefined && /^https?:\/\//.test(url) ? url : undefined;
  }

  /** Tells of the first of several changes at once, and of the others together. */
  #changed(): void {
    if (this.#pending !== undefined) {
      this.#again = true;
      return;
    }
    this.#pending = setTimeout(() => {
      this.#pending = undefined;
      if (this.#again) {
        this.#again = false;
        this.#changed();
      }
    }, together);
    this.#tell();
    // What it takes long to look up comes as a change of its own.
    const applications = this.#applications();
    void this.#tracked.follow(applications.applications).catch(tellDefect);
    // A dozen gits, while a push's pods start on the same CPU: for nobody they are not run.
    if (this.#isWatched()) {
      void this.#history.follow(applications).catch(tellDefect);
    }
  }

  #tell(): void {
    this.#version += 1;
    for (const listener of this.#listeners) {
      listener();
    }
  }

  #every(milliseconds: number, task: () => Promise<void>): void {
    let running = false;
    const timer = setInterval(async () => {
      if (!running) {
        running = true;
        await task().catch(tellDefect);
        running = false;
      }
    }, milliseconds);
    this.#timers.push(timer);
  }

  /** Asked for at every change: a copy of all objects would be one of ten thousand. */
  #applications(): Applications {
    return { applications: this.#watch.list(shown.applications) };
  }

  #isWatched(): boolean {
    return Date.now() - this.#looked < attention || this.#listeners.size > 0;
  }

  async #askPods(): Promise<void> {
    if (!this.#isWatched()) {
      return;
    }
    const pods = this.#watch.list<PagePod>(shown.pods);
    const those = (are: (labels: Record<string, string>) => boolean): Scraped[] =>
      environments.flatMap((environment) =>
        pods
          .filter(({ metadata }) => metadata.namespace === environment && are(metadata.labels ?? {}))
          .slice(0, mostAsked)
          .map(({ metadata, status }) => ({
            environment,
            name: metadata.name,
            uid: metadata.uid,
            ip: status.podIP ?? '',
          })),
      );
    const name = 'app.kubernetes.io/name';
    await this.#metrics.ask(
      those((labels) => labels[name] === 'quote-app'),
      // The one pod of dev and staging serves no metrics.
      those((labels) => labels[name] === 'postgres' && labels[roleLabel] !== undefined),
    );
    this.#tell();
  }

  async #keptHeals(): Promise<Heal[]> {
    const { heals } = this.#settings;
    const text = heals === undefined ? '[]' : await readFile(heals, 'utf8').catch(() => '[]');
    try {
      return JSON.parse(text) as Heal[];
    } catch {
      return []; // cut off as it was written
    }
  }

  async #keepHeals(): Promise<void> {
    const { heals } = this.#settings;
    if (heals !== undefined) {
      // A heal that cannot be kept is shown all the same.
      await writeFile(heals, JSON.stringify(this.#heals)).catch(() => {});
    }
  }

  async #readDrills(): Promise<void> {
    const drills = await this.#drillRuns.last();
    if (JSON.stringify(drills) !== JSON.stringify(this.#drills)) {
      this.#drills = drills;
      this.#changed();
    }
  }
}

/** A page that shows less goes on: who reads its log sees why. */
function tellDefect(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
}
