import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from '../program.ts';
import { goTools } from '../tools/go.ts';
import { pinnedVersion } from '../tools/go-modules.ts';

export type Programs = { kustomize: string; kubeconform: string };

const kinds = {
  kustomize: { module: 'sigs.k8s.io/kustomize/kustomize/v5', version: ['version'] },
  kubeconform: { module: 'github.com/yannh/kubeconform', version: ['-v'] },
};

/**
 * The paths of both programs: those on PATH when they are the pinned versions, our own build otherwise.
 * @throws {ToolBuildError} when they must be built and cannot be.
 */
export async function findPrograms(progress: (line: string) => void): Promise<Programs> {
  const [kustomize, kubeconform] = await Promise.all([onPath('kustomize'), onPath('kubeconform')]);
  if (kustomize !== undefined && kubeconform !== undefined) {
    return { kustomize, kubeconform };
  }
  let announced = false;
  const bin = await goTools('check', () => {
    if (!announced) {
      announced = true;
      progress('building kustomize and kubeconform from source, about 20 s');
    }
  });
  return {
    kustomize: kustomize ?? path.join(bin, 'kustomize'),
    kubeconform: kubeconform ?? path.join(bin, 'kubeconform'),
  };
}

async function onPath(name: keyof typeof kinds): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const program = path.join(folder, name);
    if (folder !== '' && (await isExecutable(program))) {
      const { module, version } = kinds[name];
      const { stdout } = await runProgram(program, version, { reject: false, stdin: 'ignore' });
      return stdout.trim() === (await pinnedVersion('check', module)) ? program : undefined;
    }
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
