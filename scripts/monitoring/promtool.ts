import path from 'node:path';
import { execa } from 'execa';
import { goTools } from '../tools/go.ts';

/** How promtool ended, and what it said on both of its outputs. */
export interface Said {
  exitCode: number;
  output: string;
}

/**
 * Runs the pinned promtool in a folder, built the first time (three minutes of one core). 0 is fine, 1 is not, 3 is a
 * matter of style.
 * @throws {ToolBuildError} when it cannot be built
 */
export async function promtool(folder: string, args: string[], input = ''): Promise<Said> {
  const program = path.join(await goTools('promtool'), 'promtool');
  const { exitCode, all } = await execa(program, args, { cwd: folder, input, all: true, reject: false });
  return { exitCode: exitCode ?? 1, output: all };
}
