import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DatabaseCluster, databaseProblems } from './database-problems.ts';

const cluster = (status: DatabaseCluster['status']): DatabaseCluster => ({
  metadata: { namespace: 'prod', name: 'postgres' },
  spec: { instances: 3 },
  ...(status && { status }),
});

test('a healthy database whose WAL is archived has no problem', () => {
  const conditions = [{ type: 'ContinuousArchiving', status: 'True' }];
  assert.deepEqual(databaseProblems(cluster({ phase: 'Cluster in healthy state', conditions })), []);
});

test('a full disk is named with what is left standing and what to do', () => {
  const status = {
    phase: 'Not enough disk space',
    phaseReason: 'Insufficient disk space detected in one or more pods.',
    readyInstances: 2,
    currentPrimary: 'postgres-1',
  };
  assert.deepEqual(databaseProblems(cluster(status)), [
    'database postgres: Not enough disk space (2 of 3 instances ready, primary postgres-1). Insufficient disk space ' +
      'detected in one or more pods. Nothing is lost. Enlarge spec.storage.size in base/postgres-ha or the overlay, ' +
      'where the StorageClass lets volumes grow',
  ]);
});

test('WAL that is not archived and a backup that failed are problems of a healthy database too', () => {
  const conditions = [
    { type: 'ContinuousArchiving', status: 'False', message: 'no bucket' },
    { type: 'LastBackupSucceeded', status: 'False', message: 'no room' },
  ];
  assert.deepEqual(databaseProblems(cluster({ phase: 'Cluster in healthy state', conditions })), [
    'database postgres: WAL is not archived, so that backups end there and the volumes fill: no bucket',
    'database postgres: the last backup failed: no room',
  ]);
});

test('a Cluster without a status is not set up yet', () => {
  assert.deepEqual(databaseProblems(cluster(undefined)), [
    'database postgres: not set up yet (0 of 3 instances ready, primary not there)',
  ]);
});
