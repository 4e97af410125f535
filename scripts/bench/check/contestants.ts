import { availableParallelism } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { findKubeconform } from '../../check/programs.ts';
import { schemaStore } from '../../check/schemas/store.ts';
import { repoRoot } from '../../paths.ts';
import { goTools, type ToolModule } from '../../tools/go.ts';
import { pinnedVersion } from '../../tools/go-modules.ts';
import { type ComparedRule, ownRules, ruleNames } from './rules.ts';
import {
  comparedKubeScoreChecks,
  type Verdict,
  verdictsOfCheck,
  verdictsOfConftest,
  verdictsOfKubeconform,
  verdictsOfKubeScore,
  verdictsOfKyverno,
} from './verdicts.ts';

/** A program with its arguments, and how its output reads. */
type Program = { program: string; args: string[]; verdicts: (output: string) => Verdict[] };

/** One way to have a file judged: programs that run one after another. */
export type Contestant = {
  name: string;
  versions: string;
  /** The rules that it judges at all. */
  rules: ComparedRule[];
  programs: (file: string) => Program[];
};

/** The check, which all others are compared with. */
export const own = 'npm run check';

const policies = (tool: 'rego' | 'kyverno') => path.join(import.meta.dirname, tool);

/**
 * Ours and the others, built where they are not yet.
 * @throws {ToolBuildError}
 */
export async function contestants(report: (doing: string) => void): Promise<Contestant[]> {
  const built = (tool: ToolModule) =>
    goTools(tool, (compiled) => report(`${tool}: ${compiled} packages`)).then(
      (bin) => (name: string) => path.join(bin, name),
    );
  const kubeconform = await findKubeconform(report);
  const schemas = await schemaStore();
  const kubeScore = (await built('kube-score'))('kube-score');
  const conftest = (await built('conftest'))('conftest');
  const kyverno = (await built('kyverno'))('kubectl-kyverno');
  const ignored = await otherKubeScoreChecks(kubeScore);
  return [
    {
      name: own,
      versions: `this commit, Node.js ${process.version}`,
      rules: ruleNames,
      programs: (file) => [
        {
          program: process.execPath,
          args: [
            '--disable-warning=ExperimentalWarning',
            path.join(repoRoot, 'scripts/check.ts'),
            '--json',
            ...ownRules.flatMap((rule) => ['--rule', rule]),
            file,
          ],
          verdicts: verdictsOfCheck,
        },
      ],
    },
    {
      name: 'kubeconform + conftest',
      versions: `kubeconform ${await pinnedVersion('kubeconform', 'github.com/yannh/kubeconform')}, conftest ${await pinnedVersion('conftest', 'github.com/open-policy-agent/conftest')}`,
      rules: ruleNames,
      programs: (file) => [
        {
          program: kubeconform,
          args: [
            ...['-strict', '-output', 'json', '-n', String(2 * availableParallelism())],
            ...[
              '-schema-location',
              `${schemas}/{{.Group}}/{{.ResourceAPIVersion}}/{{.ResourceKind}}.json`,
              file,
            ],
          ],
          verdicts: verdictsOfKubeconform,
        },
        {
          program: conftest,
          args: ['test', '--no-color', '--output', 'json', '--policy', policies('rego'), file],
          verdicts: verdictsOfConftest,
        },
      ],
    },
    {
      name: 'kube-score',
      versions: `kube-score ${await pinnedVersion('kube-score', 'github.com/zegl/kube-score')}`,
      rules: [
        'image-tag',
        'resources',
        'ephemeral-storage',
        'readiness-probe',
        'liveness-probe',
        'read-only-root',
        'service-type',
        'duplicate-env',
      ],
      programs: (file) => [
        {
          program: kubeScore,
          args: [
            ...['score', '--output-format', 'json', '--ignore-container-cpu-limit'],
            ...['--ignore-test', ignored.join(','), file],
          ],
          verdicts: verdictsOfKubeScore,
        },
      ],
    },
    {
      name: 'kyverno',
      versions: `kyverno ${await pinnedVersion('kyverno', 'github.com/kyverno/kyverno')}`,
      rules: ruleNames.filter((rule) => rule !== 'unknown-field'),
      programs: (file) => [
        {
          program: kyverno,
          args: [
            ...['apply', policies('kyverno'), '--resource', file],
            ...['--policy-report', '--output-format', 'json', '--remove-color'],
          ],
          verdicts: verdictsOfKyverno,
        },
      ],
    },
  ];
}

/** kube-score runs every check that is not ignored; the optional ones run only when asked for. */
async function otherKubeScoreChecks(kubeScore: string): Promise<string[]> {
  const { stdout } = await execa(kubeScore, ['list'], { stdin: 'ignore' });
  const all = stdout.split('\n').map((line) => line.split(',')[0] ?? '');
  return all.filter((id) => !comparedKubeScoreChecks.includes(id));
}
