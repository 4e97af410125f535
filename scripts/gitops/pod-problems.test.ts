import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pod, podProblems } from './pod-problems.ts';

const pod = (status: Pod['status'], requests: Record<string, string>[] = []): Pod => ({
  metadata: { namespace: 'dev', name: 'quote-app-1' },
  spec: { nodeName: 'n1', containers: requests.map((own) => ({ resources: { requests: own } })) },
  status,
});

test('a pod that fits nowhere is told with what it requests, why, and the two remedies', () => {
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message:
      '0/3 nodes are available: 1 Insufficient cpu, 3 Insufficient memory. no new claims to deallocate, preemption: 0/3 nodes are available: 3 No preemption victims found.',
  };
  const pending = pod({ conditions: [condition] }, [
    { cpu: '500m', memory: '1Gi' },
    { cpu: '1', memory: '512Mi' },
  ]);
  assert.deepEqual(podProblems(pending), [
    'quote-app-1: Pending: no node has room for the cpu 1500m and memory 1536Mi that it requests ' +
      '(0/3 nodes are available: 1 Insufficient cpu, 3 Insufficient memory). Request less or fewer in overlays/dev, or add a node.',
  ]);
  const tainted = {
    ...condition,
    message: '0/3 nodes are available: 3 node(s) had untolerated taint {x: y}.',
  };
  assert.deepEqual(podProblems(pod({ conditions: [tainted] })), [
    `quote-app-1: Pending, Unschedulable: ${tainted.message}`,
  ]);
  const bound = {
    ...condition,
    message:
      "0/3 nodes are available: 1 Insufficient memory, 2 node(s) didn't match PersistentVolume's node affinity. no new claims",
  };
  assert.match(
    podProblems(pod({ conditions: [bound] })).join(),
    /its volume is on a node that is full, or lost \(.*affinity\)\. Free that node/,
  );
});

test('an evicted pod is told with its node, the reason, and how its record goes', () => {
  const message = 'The node was low on resource: memory. Container tail was using 3Gi, request is 64Mi. ';
  assert.match(
    podProblems(pod({ phase: 'Failed', reason: 'Evicted', message })).join(),
    /^quote-app-1: Evicted from n1: The node was low on resource: memory\. Container tail was using 3Gi, request is 64Mi\. .*delete pod quote-app-1 --namespace=dev"\.$/,
  );
});

test('a pod on its way out, and a container that is being created, are no problem', () => {
  const leaving = pod({ conditions: [{ type: 'PodScheduled', status: 'False' }] });
  leaving.metadata.deletionTimestamp = '2026-11-24T12:00:00Z';
  assert.deepEqual(podProblems(leaving), []);
  const state = { waiting: { reason: 'ContainerCreating' } };
  assert.deepEqual(podProblems(pod({ containerStatuses: [{ name: 'app', state }] })), []);
});

test('an image that a node may not pull is told by what the node says of it, and by nothing of who passed that on', () => {
  const image = 'ghcr.io/quotes-gitops/quote-app@sha256:aa';
  const blocked =
    `failed to pull and unpack image "${image}": image verifier bindir blocked pull of ${image} with digest sha256:aa ` +
    `for reason: verifier signature rejected image (exit code 1): nobody signed ${image}`;
  const told = (reason: string, message: string) => {
    const state = { waiting: { reason, message } };
    return podProblems(pod({ containerStatuses: [{ name: 'app', state }] })).join();
  };
  const said = `quote-app-1: its image is not run: nobody signed ${image}`;
  assert.equal(told('ErrImagePull', blocked), said);
  const again = `Back-off pulling image "${image}": ErrImagePull: ${blocked}`;
  assert.equal(told('ImagePullBackOff', again), said);
  const unanswered =
    `failed to pull and unpack image "${image}": blocking pull of ${image} with digest sha256:aa: ` +
    'image verifier bindir returned error: failed to call verifier signature (runtime 1ms): permission denied';
  assert.match(
    told('ErrImagePull', unanswered),
    /not run: error: failed to call verifier signature .* denied$/,
  );
  assert.match(told('ErrImagePull', 'not found'), /^quote-app-1: ErrImagePull: not found$/);
});
