import type { Options, Result } from 'execa';

/**
 * Runs a program as execa does, which is loaded when the first one is run: that takes 40 ms, a tenth of a check that
 * runs none.
 */
export async function runProgram<T extends Options>(
  file: string,
  args: string[],
  options: T & Options,
): Promise<Result<T>> {
  const { execa } = await import('execa');
  return execa(file, args, options) as unknown as Promise<Result<T>>;
}
