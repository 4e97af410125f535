import { environments } from '../environment.ts';
import type { EnvironmentView, PageState, PodView } from './state.ts';

/** A pod that runs, for tests. */
export function examplePod(name: string, more: Partial<PodView> = {}): PodView {
  return {
    name,
    node: 'n1',
    state: 'Running',
    ready: true,
    restarts: 0,
    since: '2026-11-25T10:00:00Z',
    ...more,
  };
}

/** A page's state in which all is well, for tests: each with its own differences. */
export function exampleState(
  of: (view: EnvironmentView) => Partial<EnvironmentView> = () => ({}),
): PageState {
  return {
    cluster: 'example',
    unreadable: [],
    unseen: [],
    objects: 100,
    environments: environments.map((environment) => {
      const view: EnvironmentView = {
        environment,
        sync: 'Synced',
        health: 'Healthy',
        revision: '984a1c2f00000000000000000000000000000000',
        subject: 'two replicas',
        author: 'Ann',
        committed: '2026-11-25T10:00:00+00:00',
        image: `registry/quote-app@sha256:${'a'.repeat(64)}`,
        replicas: { ready: 1, wanted: 1 },
        nodes: ['n1'],
        problems: [],
        imageFromApplication: false,
        pods: [examplePod('quote-app-1')],
        podCount: 1,
        isSample: false,
        database: [examplePod('postgres-1', { role: 'primary' })],
        heals: [],
      };
      return { ...view, ...of(view) };
    }),
    audit: { findings: [] },
    drills: [],
  };
}
