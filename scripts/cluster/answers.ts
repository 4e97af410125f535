import { execa } from 'execa';
import type { ClusterLayout } from './layout.ts';

/** Whether a server in the control plane's namespace answers. `options` are curl's, such as `--fail`. */
export async function answers(layout: ClusterLayout, url: string, ...options: string[]): Promise<boolean> {
  // curl, not kubectl: it is asked ten times a second, beside a start that wants both cores.
  const probe = ['curl', '--silent', '--output', '/dev/null', ...options, url];
  const enter = [`--net=/run/netns/${layout.controlPlaneNamespace}`, ...probe];
  return !(await execa('nsenter', enter, { reject: false })).failed;
}
