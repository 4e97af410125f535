import { type Environment, environments } from '../environment.ts';
import { git } from './commit.ts';
import { type Ran, reportedOf, type StatusSource } from './commit-statuses.ts';
import { type Version, versionsOf } from './versions.ts';

/** A step on a version's way; times are ISO 8601. */
type Step = { what: string; at: string; by?: string };

/** A version in an environment: when it ran, how it came there, and how it did. */
export type Journey = Version & {
  /** When another took its place. */
  until?: string;
  /** The subject of the service's commit that it was built from. */
  about?: string;
  ran: Ran;
  steps: Step[];
  /** From the service's commit to Healthy here, in seconds. */
  leadTime?: number;
};

/**
 * The last versions of an environment, the newest first, each with its way from the service's commit through the
 * environments before. Without a source of reports nothing is known of how they did.
 * @param most how many of them
 */
export async function journeys(
  root: string,
  environment: Environment,
  source: StatusSource | undefined,
  most: number,
): Promise<Journey[]> {
  const passed = environments.slice(0, environments.indexOf(environment) + 1);
  const histories = new Map(
    await Promise.all(passed.map(async (name) => [name, await versionsOf(root, name)] as const)),
  );
  const versions = histories.get(environment) ?? [];
  const ranIn = async (name: Environment, version: Version): Promise<Ran> => {
    const all = histories.get(name) ?? [];
    return source === undefined ? {} : reportedOf(source, root, name, version, all[all.indexOf(version) - 1]);
  };
  return Promise.all(
    versions.slice(0, most).map(async (version, index): Promise<Journey> => {
      const next = versions[index - 1];
      const made = await serviceCommit(root, version.revision);
      const steps: Step[] = made === undefined ? [] : [{ what: 'committed', at: made.at, by: made.by }];
      const ran = await ranIn(environment, version);
      // Back at a version, or without the commit of the service, the way before is another one's.
      const isFirst = !versions.slice(index + 1).some(({ digest }) => digest === version.digest);
      for (const name of isFirst ? passed.slice(0, -1) : []) {
        const found = latestBefore(histories.get(name) ?? [], version);
        if (found !== undefined) {
          const { healthy } = await ranIn(name, found);
          steps.push({ what: `in ${name}`, at: found.committed, by: found.author });
          steps.push(...(healthy === undefined ? [] : [{ what: `Healthy in ${name}`, at: healthy }]));
        }
      }
      steps.push({ what: `in ${environment}`, at: version.committed, by: version.author });
      if (ran.healthy !== undefined) {
        steps.push({ what: `Healthy in ${environment}`, at: ran.healthy });
      }
      const lead =
        made === undefined || ran.healthy === undefined || !isFirst
          ? undefined
          : (Date.parse(ran.healthy) - Date.parse(made.at)) / 1000;
      return {
        ...version,
        ...(next !== undefined && { until: next.committed }),
        ...(made !== undefined && { about: made.subject }),
        ran,
        steps,
        ...(lead !== undefined && { leadTime: lead }),
      };
    }),
  );
}

function latestBefore(versions: Version[], { digest, committed }: Version): Version | undefined {
  return versions.find(
    (version) => version.digest === digest && Date.parse(version.committed) <= Date.parse(committed),
  );
}

async function serviceCommit(root: string, revision: string | undefined) {
  if (revision === undefined) {
    return undefined;
  }
  const log = ['log', '-1', '--format=%cI%x00%an%x00%s', revision, '--'];
  const [at, by, subject] = (await git(root, ...log).catch(() => '')).split('\0');
  return at === undefined || by === undefined || subject === undefined ? undefined : { at, by, subject };
}
