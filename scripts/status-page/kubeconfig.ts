import path from 'node:path';
import type { ClusterLayout } from '../cluster/layout.ts';

/** The kubeconfig by which the page reads an embedded cluster; `npm start` writes it. */
export const statusPageKubeconfig = (layout: ClusterLayout) =>
  path.join(layout.state, 'status-page.kubeconfig');
