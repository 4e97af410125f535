import type { Drill } from '../drill.ts';
import { autoscale } from './autoscale.ts';
import { argocdAway, gitAway, registryAway } from './away.ts';
import { capacity } from './capacity.ts';
import { databaseAway } from './database-away.ts';
import { dbDiskFull } from './db-disk-full.ts';
import { dbFailoverNode, dbFailoverPod, dbFailoverProcess } from './db-failover.ts';
import { dbSwitchover } from './db-switchover.ts';
import { drain } from './drain.ts';
import { drift } from './drift.ts';
import { eviction } from './eviction.ts';
import { hang, outOfMemory } from './hang.ts';
import { nodeLoss } from './node-loss.ts';
import { podKill, processKill } from './pod-kill.ts';
import { restore } from './restore.ts';
import { rollout } from './rollout.ts';
import { scale } from './scale.ts';

/** Every drill, in the order in which they are run. */
export const drills: Drill[] = [
  scale,
  podKill,
  processKill,
  rollout,
  drain,
  nodeLoss,
  capacity,
  eviction,
  autoscale,
  hang,
  outOfMemory,
  databaseAway,
  dbFailoverPod,
  dbFailoverProcess,
  dbFailoverNode,
  dbSwitchover,
  dbDiskFull,
  restore,
  drift,
  argocdAway,
  gitAway,
  registryAway,
];
