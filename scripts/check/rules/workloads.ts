import { isMap, type JsonMap, maps, type RenderedObject } from '../model.ts';

/** The kinds whose pods stay up: probes and replica counts are about these. */
const lasting = ['Deployment', 'StatefulSet', 'DaemonSet'];

export function isLasting(object: RenderedObject): boolean {
  return object.apiVersion === 'apps/v1' && lasting.includes(object.id.kind);
}

/** The containers of a workload's pods, with their places in the object. */
export function containers(object: RenderedObject): { container: JsonMap; index: number }[] {
  const spec = isMap(object.value.spec) ? object.value.spec : {};
  const template = isMap(spec.template) ? spec.template : {};
  const pod = isMap(template.spec) ? template.spec : {};
  return maps(pod.containers).map((container, index) => ({ container, index }));
}
