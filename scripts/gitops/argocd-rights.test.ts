import assert from 'node:assert/strict';
import path from 'node:path';
import { before, test } from 'node:test';
import { parse } from 'yaml';
import { type JsonMap, maps, type RenderedObject, text, valueAt } from '../check/model.ts';
import { findKustomize } from '../check/programs.ts';
import { renderTarget } from '../check/render.ts';
import { YamlFiles } from '../check/yaml/yaml-files.ts';
import { repoRoot } from '../paths.ts';

const controller = 'argocd-application-controller';
let argocd: RenderedObject[] = [];
let projects: RenderedObject[] = [];
let operator: RenderedObject[] = [];

before(async () => {
  const kustomize = await findKustomize(() => {});
  const render = async (folder: string) => {
    const target = { role: 'argument', environment: '', dir: path.join(repoRoot, folder) } as const;
    return (await renderTarget(kustomize, target, new YamlFiles(repoRoot))).objects;
  };
  argocd = await render('argocd');
  operator = await render('cloudnative-pg');
  const apps = await Promise.all(['apps', 'apps/status-page', 'apps/monitoring'].map(render));
  projects = apps.flat().filter(({ id }) => id.kind === 'AppProject');
});

const strings = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);

/** The plural by which a rule names a kind. */
function resourceOf(kind: string): string {
  const name = kind.toLowerCase();
  return name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}${name.endsWith('s') ? 'es' : 's'}`;
}

/** The rules of the roles that the controller has everywhere, or by RoleBindings in a namespace. */
function rulesIn(namespace: string): JsonMap[] {
  const kind = namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding';
  const given = argocd.filter(
    ({ id, value }) =>
      id.kind === kind &&
      id.namespace === namespace &&
      maps(value.subjects).some(({ name }) => name === controller),
  );
  return given.flatMap(({ value }) => {
    const { kind: roleKind, name } = value.roleRef as { kind: string; name: string };
    const role = argocd.find(
      ({ id }) =>
        id.kind === roleKind && id.name === name && id.namespace === (roleKind === 'Role' ? namespace : ''),
    );
    assert.ok(role, `${roleKind} ${name}`);
    return maps(role.value.rules);
  });
}

/** `group/resource` of each rule with one of the verbs, with `/name` where the rule has names. */
function granted(rules: JsonMap[], verb: string): string[] {
  return rules
    .filter(({ verbs }) => strings(verbs).includes(verb))
    .flatMap(({ apiGroups, resources, resourceNames }) =>
      strings(apiGroups).flatMap((group) =>
        strings(resources).flatMap((resource) => {
          const names = strings(resourceNames);
          const one = `${group}/${resource}`;
          return names.length === 0 ? [one] : names.map((name) => `${one}/${name}`);
        }),
      ),
    )
    .sort();
}

const dataOf = (name: string) =>
  argocd.find(({ id }) => id.kind === 'ConfigMap' && id.name === name)?.value.data as JsonMap;

const allowed = (list: unknown): JsonMap[] => maps(list);
const asResource = ({ group, kind }: JsonMap) => `${text(group)}/${resourceOf(text(kind))}`;

test('the controller writes in a namespace what the project of that destination allows, and nothing else', () => {
  for (const { id, value } of projects) {
    const namespaced = allowed(valueAt(value, ['spec', 'namespaceResourceWhitelist']));
    for (const { namespace } of maps(valueAt(value, ['spec', 'destinations']))) {
      const wanted = [...new Set(namespaced.map(asResource))].sort();
      const rights = granted(rulesIn(text(namespace)), 'patch').map((right) =>
        right.split('/').slice(0, 2).join('/'),
      );
      assert.deepEqual(rights, wanted, `${id.name} in ${text(namespace)}`);
    }
  }
});

test('no other namespace lets the controller write, and its own only what Argo CD is told by', () => {
  const destinations = projects.flatMap(({ value }) =>
    maps(valueAt(value, ['spec', 'destinations'])).map(({ namespace }) => text(namespace)),
  );
  const bound = argocd.filter(({ id }) => id.kind === 'RoleBinding').map(({ id }) => id.namespace);
  assert.deepEqual(
    [...new Set(bound)].filter((namespace) => !destinations.includes(namespace)),
    ['argocd'],
  );
  assert.deepEqual(granted(rulesIn('argocd'), 'patch'), [
    'argoproj.io/applications',
    'argoproj.io/applicationsets',
    'argoproj.io/appprojects',
  ]);
});

test('of what has no namespace it writes the kinds that projects allow, by name but for policies', () => {
  const wanted = projects
    .flatMap(({ value }) => allowed(valueAt(value, ['spec', 'clusterResourceWhitelist'])))
    .map(asResource);
  const rights = granted(rulesIn(''), 'patch');
  assert.deepEqual(
    [...new Set(rights.map((right) => right.split('/').slice(0, 2).join('/')))].sort(),
    [...new Set(wanted)].sort(),
  );
  assert.deepEqual(
    rights.filter((right) => right.split('/').length < 3),
    [
      'admissionregistration.k8s.io/validatingadmissionpolicies',
      'admissionregistration.k8s.io/validatingadmissionpolicybindings',
    ],
  );
  assert.deepEqual(
    granted(rulesIn(''), 'delete').filter((right) => right.includes('namespaces')),
    [],
  );
});

test("the operator's names are those of its manifests", () => {
  const role = argocd.find(({ id }) => id.kind === 'ClusterRole' && id.name === 'argocd-cloudnative-pg');
  const wanted = operator
    .filter(({ id }) => id.namespace === '')
    .map(({ id, value }) => {
      const [group = ''] = text(value.apiVersion).includes('/') ? text(value.apiVersion).split('/') : [''];
      return `${group}/${resourceOf(id.kind)}/${id.name}`;
    });
  assert.deepEqual(granted(maps(role?.value.rules), 'patch'), wanted.sort());
});

test('nobody may give more than they have, but for the roles that are named', () => {
  const roles = argocd.filter(({ id }) => /^(Cluster)?Role$/.test(id.kind));
  for (const { id, value } of roles) {
    for (const rule of maps(value.rules)) {
      const verbs = strings(rule.verbs);
      assert.ok(![...verbs, ...strings(rule.resources), ...strings(rule.apiGroups)].includes('*'), id.name);
      assert.ok(!verbs.includes('impersonate'), id.name);
      const gives = verbs.includes('escalate') || verbs.includes('bind');
      assert.ok(!gives || strings(rule.resourceNames).length > 0, id.name);
      assert.ok(id.kind === 'Role' || !strings(rule.resources).includes('secrets'), id.name);
    }
  }
});

test('what is watched is what may be read: a kind more stops every comparison', () => {
  const inclusions = maps(parse(text(dataOf('argocd-cm')['resource.inclusions'])));
  const watched = inclusions.flatMap(({ apiGroups, kinds }) =>
    strings(apiGroups).flatMap((group) => strings(kinds).map((kind) => asResource({ group, kind }))),
  );
  const role = argocd.find(({ id }) => id.kind === 'ClusterRole' && id.name === 'argocd-reads');
  assert.deepEqual(watched.sort(), granted(maps(role?.value.rules), 'watch'));
});

test('what a project allows is watched', () => {
  const role = argocd.find(({ id }) => id.kind === 'ClusterRole' && id.name === 'argocd-reads');
  const reads = granted(maps(role?.value.rules), 'watch');
  const lists = ['clusterResourceWhitelist', 'namespaceResourceWhitelist'];
  for (const { id, value } of projects) {
    for (const resource of lists.flatMap((list) => allowed(valueAt(value, ['spec', list])).map(asResource))) {
      assert.ok(reads.includes(resource), `${id.name}: ${resource}`);
    }
  }
});

const podsOfArgocd = () =>
  argocd
    .filter(({ id }) => id.kind === 'Deployment')
    .map(({ id, value }) => ({
      name: id.name,
      pod: (value.spec as { template: { spec: JsonMap } }).template.spec,
    }));

test('each container of Argo CD has requests and limits', () => {
  for (const { name, pod } of podsOfArgocd()) {
    for (const list of ['containers', 'initContainers']) {
      for (const container of maps(pod[list])) {
        for (const which of ['requests', 'limits']) {
          for (const what of ['cpu', 'memory']) {
            assert.ok(
              valueAt(container, ['resources', which, what]) !== undefined,
              `${name}: ${text(container.name)} has no ${which} of ${what}`,
            );
          }
        }
      }
    }
  }
});

test('who asks the API server has a token, and nobody else', () => {
  const withToken = podsOfArgocd().filter(({ pod }) => pod.automountServiceAccountToken !== false);
  assert.deepEqual(
    withToken.map(({ name }) => name),
    [controller, 'argocd-notifications-controller', 'argocd-server'],
  );
});

test('nobody can sign in until somebody lets them, and then look', () => {
  assert.equal(dataOf('argocd-cm')['admin.enabled'], 'false');
  assert.equal(dataOf('argocd-cm')['users.anonymous.enabled'], 'false');
  assert.deepEqual(dataOf('argocd-rbac-cm'), { 'policy.default': 'role:readonly' });
});
