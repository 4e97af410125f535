/** A Cluster of CloudNativePG's, as far as its problems go. */
export interface DatabaseCluster {
  metadata: { namespace: string; name: string };
  spec: { instances: number };
  status?: {
    phase?: string;
    phaseReason?: string;
    readyInstances?: number;
    currentPrimary?: string;
    /** When each of its certificates ends, by Secret, in Go's own form. */
    certificates?: { expirations?: Record<string, string> };
    conditions?: { type: string; status: string; message?: string }[];
  };
}

/** The phase of a Cluster that has nothing to do. */
export const healthyPhase = 'Cluster in healthy state';

const remedies: Record<string, string> = {
  'Not enough disk space':
    'Nothing is lost. Enlarge spec.storage.size in base/postgres-ha or the overlay, where the StorageClass lets volumes grow',
  'Cluster is unrecoverable and needs manual intervention':
    'docs/operations.md says how to restore it from its backups',
};

/** What is wrong with a database, in plain words and with the remedy where there is one. */
export function databaseProblems({ metadata, spec, status }: DatabaseCluster): string[] {
  const problem = (text: string) => `database ${metadata.name}: ${text}`;
  const {
    phase = 'not set up yet',
    phaseReason,
    readyInstances = 0,
    currentPrimary,
    conditions = [],
  } = status ?? {};
  const problems: string[] = [];
  if (phase !== healthyPhase) {
    const standing = `${readyInstances} of ${spec.instances} instances ready, primary ${currentPrimary ?? 'not there'}`;
    const why = [phaseReason, remedies[phase]].filter((part) => part !== undefined && part !== '');
    problems.push(
      problem([`${phase} (${standing})`, ...why.map((part) => part?.replace(/\.$/, ''))].join('. ')),
    );
  }
  for (const { type, status, message } of conditions) {
    if (type === 'ContinuousArchiving' && status === 'False') {
      problems.push(
        problem(
          `WAL is not archived, so that backups end there and the volumes fill: ${message ?? 'no reason said'}`,
        ),
      );
    } else if (type === 'LastBackupSucceeded' && status === 'False' && !message?.includes('in progress')) {
      problems.push(problem(`the last backup failed: ${message ?? 'no reason said'}`));
    }
  }
  return problems;
}
