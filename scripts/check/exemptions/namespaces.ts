import path from 'node:path';
import { type Resources, resourceKey } from '../admission/resources.ts';
import type { RenderedObject } from '../model.ts';
import type { SourceFinding } from '../sources.ts';
import { type Exemption, exemptionsFile } from './exemptions.ts';

/** An exempted object as its environment renders it. */
function renderedAs({ environment, kind, name }: Exemption, objects: RenderedObject[]): RenderedObject[] {
  return objects.filter(
    ({ id, target }) => target.environment === environment && id.kind === kind && id.name === name,
  );
}

/**
 * The namespaces by which the cluster tells where an exemption holds: those that its environment's render has the
 * object in. The environment's own name where the object is in none, which has a finding.
 */
export function namespacesOf(exemption: Exemption, objects: RenderedObject[]): string[] {
  const found = renderedAs(exemption, objects).map(namespaceOf);
  const named = [...new Set(found)].filter((namespace) => namespace !== '');
  return named.length > 0 ? named : [exemption.environment];
}

/** The namespace whose labels select an object: a Namespace is selected by its own. */
export function namespaceOf({ id }: RenderedObject): string {
  return id.kind === 'Namespace' ? id.name : id.namespace;
}

/**
 * Exemptions that the cluster cannot make where the pull request does: it knows namespaces alone.
 * @param policies the ids of the rules that the cluster holds too
 */
export function unholdable(
  root: string,
  exemptions: Exemption[],
  objects: RenderedObject[],
  policies: Set<string>,
  resources: Resources,
): SourceFinding[] {
  const file = path.join(root, exemptionsFile);
  return exemptions
    .filter(({ rule }) => policies.has(rule))
    .flatMap((exemption): SourceFinding[] => {
      const { rule, kind, name, environment, line } = exemption;
      const found = renderedAs(exemption, objects);
      const say = (why: string): SourceFinding[] => [
        {
          rule: 'exemption',
          file,
          line,
          message: `the cluster cannot exempt ${kind}/${name} in ${environment}: ${why}`,
        },
      ];
      const isClusterWide = found.some(
        ({ apiVersion }) =>
          resources.get(resourceKey(apiVersion, kind))?.namespaced === false && kind !== 'Namespace',
      );
      if (isClusterWide) {
        return say('it is in no namespace');
      }
      if (found.some((object) => namespaceOf(object) === '')) {
        return say("its render says no namespace; set it in the environment's kustomization");
      }
      const namespaces = found.map(namespaceOf);
      const isExempt = (other: RenderedObject) =>
        exemptions.some(
          (one) =>
            one.rule === rule &&
            one.environment === other.target.environment &&
            one.kind === kind &&
            one.name === name,
        );
      const other = objects.find(
        (object) =>
          object.target.role === 'environment' &&
          object.target.environment !== environment &&
          object.id.kind === kind &&
          object.id.name === name &&
          namespaces.includes(namespaceOf(object)) &&
          !isExempt(object),
      );
      return other === undefined
        ? []
        : say(
            `${other.target.environment} has it in namespace ${namespaceOf(other)} too; exempt both or neither`,
          );
    });
}
