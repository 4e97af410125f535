import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { text, valueAt } from '../../check/model.ts';
import type { Api } from '../../watch/api.ts';
import { ClusterWatch } from '../../watch/cluster-watch.ts';
import type { ClusterNode } from '../layout.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { rulesOf } from './rules.ts';
import { policyState } from './state.ts';

const resources = {
  pods: { apiVersion: 'v1', kind: 'Pod', plural: 'pods' },
  namespaces: { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces' },
  policies: { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', plural: 'networkpolicies' },
} as const;

/** Holds the pods of one node to the NetworkPolicies: keeps the rules in the namespace that it runs in as they should be. */
export class Agent {
  readonly #node: ClusterNode;
  readonly #watch: ClusterWatch;
  /** The addresses that CNI gave, by the pod's uid. */
  readonly #reported = new Map<string, string>();
  #applied = '';
  #complete = false;
  /** Resolves when what is known now is in force. */
  readonly #apply = oneAtATime(() => this.#write());

  constructor(node: ClusterNode, api: Api) {
    this.#node = node;
    this.#watch = new ClusterWatch(
      api,
      ({ object, gone }) => {
        if (gone) {
          this.#reported.delete(text(valueAt(object, ['metadata', 'uid'])));
        }
      },
      () => {
        if (this.#complete) {
          this.#follow();
        }
      },
    );
  }

  /** Resolves when the rules are in force for the first time; without a word of a kind there are none, not half of them. */
  async start(): Promise<void> {
    await Promise.all(Object.values(resources).map((resource) => this.#watch.add(resource)));
    while (this.#watch.problems().length > 0) {
      await sleep(100);
    }
    this.#complete = true;
    await this.#apply();
  }

  /**
   * CNI has given a pod its address. Resolves when the rules know it, which they cannot before the pod was seen.
   * @throws {RangeError} when it was not seen within so many milliseconds
   */
  async learn(uid: string, address: string, patience: number): Promise<void> {
    this.#reported.set(uid, address);
    const deadline = Date.now() + patience;
    while (!this.#knows(uid)) {
      if (Date.now() > deadline) {
        throw new RangeError(`no pod ${uid} was seen within ${patience / 1000} s`);
      }
      await sleep(5);
    }
    await this.#apply();
  }

  /** Applies what has changed, and tries again until it is in force. */
  #follow(): void {
    this.#apply().catch((error: unknown) => {
      tell(`the rules could not be written, once more in a second: ${String(error)}`);
      setTimeout(() => this.#follow(), 1000);
    });
  }

  #knows(uid: string): boolean {
    return this.#list('pods').some((pod) => valueAt(pod, ['metadata', 'uid']) === uid);
  }

  #list(which: keyof typeof resources) {
    return this.#watch.list<Parameters<typeof policyState>[0]['pods'][number]>(resources[which]);
  }

  async #write(): Promise<void> {
    const state = policyState(
      { pods: this.#list('pods'), namespaces: this.#list('namespaces'), policies: this.#list('policies') },
      this.#reported,
    );
    const { podSubnet } = this.#node;
    const prefix = podSubnet.slice(0, podSubnet.lastIndexOf('.') + 1);
    const rules = rulesOf(state, podSubnet, ({ address }) => address.startsWith(prefix));
    if (rules !== this.#applied) {
      this.#applied = '';
      await execa('nft', ['-f', '-'], { input: rules });
      this.#applied = rules;
    }
  }
}

/** Into the agent's log. */
export function tell(words: string): void {
  process.stderr.write(`${new Date().toISOString()} ${words}\n`);
}
