import { isIPv4 } from 'node:net';
import { labelsOf } from '../../check/admission/selectors.ts';
import { isMap, type JsonMap, maps, text, valueAt } from '../../check/model.ts';

/** A pod that NetworkPolicies are about: it has an address of its own and is not over. */
export type PolicyPod = {
  uid: string;
  namespace: string;
  labels: JsonMap;
  address: string;
  ports: { name: string; protocol: string; number: number }[];
};

/** What decides which flows pass. */
export type PolicyState = {
  pods: PolicyPod[];
  /** The labels of each namespace. */
  namespaces: Map<string, JsonMap>;
  /** NetworkPolicies as the API server gives them, with its defaults. */
  policies: readonly JsonMap[];
};

/**
 * Puts the state together from the API's objects.
 * @param reported the address of a pod, by uid, as CNI gave it: kubelet writes it into the pod's status up to a second later
 */
export function policyState(
  objects: { pods: readonly JsonMap[]; namespaces: readonly JsonMap[]; policies: readonly JsonMap[] },
  reported: ReadonlyMap<string, string>,
): PolicyState {
  return {
    pods: objects.pods.flatMap((pod) => policyPod(pod, reported)),
    namespaces: new Map(
      objects.namespaces.map((namespace) => [
        text(valueAt(namespace, ['metadata', 'name'])),
        labelsOf(namespace),
      ]),
    ),
    policies: objects.policies,
  };
}

function policyPod(pod: JsonMap, reported: ReadonlyMap<string, string>): PolicyPod[] {
  const uid = text(valueAt(pod, ['metadata', 'uid']));
  const address = reported.get(uid) ?? text(valueAt(pod, ['status', 'podIP']));
  const phase = valueAt(pod, ['status', 'phase']);
  // A pod that is over has given its address back, and one in the node's network has the node's.
  const takesPart =
    phase !== 'Succeeded' && phase !== 'Failed' && valueAt(pod, ['spec', 'hostNetwork']) !== true;
  return takesPart && isIPv4(address)
    ? [
        {
          uid,
          namespace: text(valueAt(pod, ['metadata', 'namespace'])),
          labels: labelsOf(pod),
          address,
          ports: namedPorts(isMap(pod.spec) ? pod.spec : {}),
        },
      ]
    : [];
}

function namedPorts(spec: JsonMap): PolicyPod['ports'] {
  const serving = [
    ...maps(spec.containers),
    ...maps(spec.initContainers).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ];
  return serving.flatMap((container) =>
    maps(container.ports).flatMap(({ name, protocol, containerPort }) =>
      typeof name === 'string' && typeof containerPort === 'number'
        ? [{ name, protocol: text(protocol), number: containerPort }]
        : [],
    ),
  );
}
