import { styleText } from 'node:util';
import { terminalDifference } from '../diff/formats/terminal.ts';
import type { Difference } from '../diff/model.ts';
import type { Asked, Done } from './carry-out.ts';

/** How a verb tells what it did: in lines, or as one JSON object at its end. */
export type Report = {
  say(text: string): void;
  difference(difference: Difference): void;
  /** What became of the commit, and what to do next. */
  done(done: Done, asked: Asked): void;
  end(result: object): void;
};

export function report(json: boolean): Report {
  const say = (text: string) => {
    (json ? process.stderr : process.stdout).write(`${text.trimEnd()}\n`);
  };
  return {
    say,
    difference: (difference) => say(terminalDifference(difference, styleText('bold', '.') !== '.')),
    done: ({ commit, pushed, isHere }, { push }) => {
      if (commit === undefined) {
        say('A dry run: nothing is changed.');
      } else if (pushed) {
        say(`${commit.slice(0, 10)} is pushed to ${push}: "npm run status -- --watch" follows it.`);
        if (!isHere) {
          say(
            `Others had pushed what is changed here too, so this branch is behind: "git pull ${push} main".`,
          );
        }
      } else {
        say(`Committed as ${commit.slice(0, 10)}. Push it to deploy it; "git revert" takes it back.`);
      }
    },
    end: (result) => {
      if (json) {
        process.stdout.write(`${JSON.stringify(result)}\n`);
      }
    },
  };
}
