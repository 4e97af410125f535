import { furthestDay, isDay, isoDay } from '../check/exemptions/exemptions.ts';
import { type Accepted, advisoriesFile } from './exemptions.ts';
import type { Advisory, Answer, Ecosystem } from './model.ts';

/** What is to be mended: in what is depended on, or in what was accepted of it. */
export type Finding = {
  kind: 'advisory' | 'expired' | 'unused' | 'exemption';
  file: string;
  line?: number;
  message: string;
};

const ecosystemOf = ({ id }: Accepted): Ecosystem => (id.startsWith('GO-') ? 'go' : 'npm');
const named = (entry: { id: string; package: string }) => `${entry.id} of ${entry.package}`;

/** Holds what the databases say against what is accepted. What could not be asked makes nothing unused. */
export function judge(answers: Answer[], accepted: Accepted[], today: Date): Finding[] {
  const asked = answers.filter((answer) => 'advisories' in answer);
  const advisories = asked.flatMap((answer) => answer.advisories);
  const day = isoDay(today);
  const holds = (advisory: Advisory) =>
    accepted.some((entry) => named(entry) === named(advisory) && entry.expires >= day);
  const found = advisories
    .filter((advisory) => !holds(advisory))
    .map((advisory): Finding => {
      const { title, remedy, url, files } = advisory;
      const elsewhere = files.length > 1 ? ` (and ${files.slice(1).join(', ')})` : '';
      const message = `${named(advisory)}: ${title} (${remedy}) ${url}${elsewhere}`;
      return { kind: 'advisory', file: files[0] ?? '', message };
    });
  const entries = accepted.flatMap((entry, index): Finding[] => {
    const finding = (kind: Finding['kind'], message: string): Finding[] => [
      { kind, file: advisoriesFile, line: entry.line, message },
    ];
    if (accepted.findIndex((other) => named(other) === named(entry)) < index) {
      return finding('exemption', `${named(entry)} is accepted twice`);
    }
    if (!isDay(entry.expires)) {
      return finding('exemption', `expires ${entry.expires}, and there is no such day`);
    }
    if (entry.expires > furthestDay(today)) {
      return finding('exemption', `expires ${entry.expires}, and ${furthestDay(today)} is the furthest day`);
    }
    if (entry.expires < day) {
      return finding('expired', `${named(entry)} was accepted until ${entry.expires}`);
    }
    const unused =
      asked.some(({ ecosystem }) => ecosystem === ecosystemOf(entry)) &&
      !advisories.some((advisory) => named(advisory) === named(entry));
    return unused
      ? finding('unused', `${named(entry)} is accepted, and nothing here has it: delete the entry`)
      : [];
  });
  return [...found, ...entries];
}
