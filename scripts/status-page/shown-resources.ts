import { ofApplications, ofQuotes } from '../gitops/status.ts';
import type { ClusterWatch } from '../watch/cluster-watch.ts';
import type { Resource } from '../watch/resources.ts';
import type { PageObjects } from './state.ts';

const inArgocd = (kind: string, plural: string): Resource => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind,
  plural,
  namespace: 'argocd',
});

/** What the page shows, from the first moment on. */
export const shown = {
  applications: inArgocd('Application', 'applications'),
  projects: inArgocd('AppProject', 'appprojects'),
  deployments: { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', labels: ofQuotes },
  pods: { apiVersion: 'v1', kind: 'Pod', plural: 'pods', labels: ofQuotes },
  autoscalers: {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
  },
  // A cluster whose databases are all somebody else's has no such kind.
  databases: {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    plural: 'clusters',
    optional: true,
  },
  events: { apiVersion: 'v1', kind: 'Event', plural: 'events', namespace: 'argocd', fields: ofApplications },
  argocd: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    plural: 'configmaps',
    namespace: 'argocd',
    fields: 'metadata.name=argocd-cm',
  },
} satisfies Record<string, Resource>;

/** The objects that the page is made from, as they are now. */
export function objectsOf(watch: ClusterWatch): PageObjects {
  return {
    applications: watch.list(shown.applications),
    projects: watch.list(shown.projects),
    deployments: watch.list(shown.deployments),
    pods: watch.list(shown.pods),
    autoscalers: watch.list(shown.autoscalers),
    databases: watch.list(shown.databases),
    events: watch.list(shown.events),
  };
}
