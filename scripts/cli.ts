import { type ParseArgsConfig, parseArgs } from 'node:util';

/** A condition outside the program that keeps it from running; the message says what to do about it. */
export class CannotRun extends Error {
  override name = 'CannotRun';
}

/** Errors whose message is meant for the user as it stands. */
const forUsers = new Set([
  'ApiError',
  'CannotRun',
  'ClusterNameError',
  'ComponentError',
  'ImageError',
  'KubectlError',
  'NotInTime',
  'ToolBuildError',
]);

type Options = NonNullable<ParseArgsConfig['options']>;

interface Command<T extends Options> {
  /** Printed for --help. */
  help: string;
  options: T;
  /** Whether words without dashes are taken. */
  positionals?: boolean;
}

type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T & { help: { type: 'boolean'; short: 'h' } }; allowPositionals: true }>
>;

/**
 * Runs a command line program: parses its arguments, answers --help, and ends with the code that `main` returns
 * (0 fine, 1 findings) or with 2 when it cannot run.
 */
export async function run<T extends Options>(
  command: Command<T>,
  main: (values: Parsed<T>['values'], positionals: string[]) => Promise<number>,
): Promise<never> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // EPIPE: a reader such as head has gone, and what is left is not wanted.
    if (error.code !== 'EPIPE') {
      process.stderr.write(
        `standard output cannot be written (${error.code}): mend that, then run this again.\n`,
      );
      process.exit(2);
    }
  });
  try {
    const parsed = parseArgs({
      options: { ...command.options, help: { type: 'boolean', short: 'h' } } as T & {
        help: { type: 'boolean'; short: 'h' };
      },
      allowPositionals: true,
    });
    if ((parsed.values as { help?: boolean }).help === true) {
      process.stdout.write(`${command.help.trim()}\n`);
      return await end(0);
    }
    if (command.positionals !== true && parsed.positionals.length > 0) {
      throw new CannotRun(`unexpected argument "${parsed.positionals[0]}": see --help.`);
    }
    return await end(await main(parsed.values, parsed.positionals));
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    return await end(2);
  }
}

/** Ends the program when all that it wrote is taken: a pipe holds 64 KiB, and exit() drops the rest. */
async function end(code: number): Promise<never> {
  const taken = [process.stdout, process.stderr].map(
    (stream) => new Promise<unknown>((resolve) => stream.write('', resolve)),
  );
  await Promise.all(taken);
  process.exit(code);
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (forUsers.has(error.name)) {
    return error.message;
  }
  if (code.startsWith('ERR_PARSE_ARGS')) {
    return `${error.message.split('\n')[0]} See --help.`;
  }
  return `This is a defect of the program, please report it:\n${error.stack}`;
}
