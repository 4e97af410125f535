import type { Result } from './drill.ts';
import { isServed } from './load.ts';

const width = 960;
const plot = { left: 60, top: 40, height: 200 };
const palette = ['#2563eb', '#16a34a', '#d97706', '#9333ea', '#0891b2', '#be185d', '#65a30d', '#475569'];

/** A picture of a run as SVG: answers a second by pod, failures in red below them, and what happened when. */
export function timeline(result: Result): string {
  const { answers, events } = result;
  const end = Math.max(1, Math.ceil((answers.at(-1)?.at ?? 0) / 1000));
  const x = (seconds: number) => plot.left + (seconds / end) * (width - plot.left - 20);
  const pods = [...new Set(answers.map(({ pod }) => pod).filter((pod) => pod !== ''))];
  const perSecond = Array.from({ length: end }, (_, second) =>
    answers.filter(({ at }) => Math.floor(at / 1000) === second),
  );
  const most = Math.max(1, ...perSecond.map((own) => own.length));
  const y = (count: number) => plot.top + plot.height - (count / most) * plot.height;
  const bars = perSecond.flatMap((own, second) => {
    let below = 0;
    const step = x(1) - x(0);
    const bar = (count: number, fill: string, title: string): string => {
      const shape =
        `<rect x="${x(second).toFixed(1)}" y="${y(below + count).toFixed(1)}" width="${Math.max(1, step - 1).toFixed(1)}" ` +
        `height="${(y(below) - y(below + count)).toFixed(1)}" fill="${fill}"><title>${escaped(title)}</title></rect>`;
      below += count;
      return count === 0 ? '' : shape;
    };
    return [
      ...pods.map((pod, index) =>
        bar(
          own.filter((answer) => isServed(answer) && answer.pod === pod).length,
          palette[index % palette.length] ?? '#000',
          `second ${second}: ${pod}`,
        ),
      ),
      bar(own.filter((answer) => !isServed(answer)).length, '#dc2626', `second ${second}: failed`),
    ];
  });
  const list = plot.top + plot.height + 40;
  const marks = events.map(({ at, text }, index) => {
    const place = x(at / 1000).toFixed(1);
    return (
      `<line x1="${place}" y1="${plot.top}" x2="${place}" y2="${plot.top + plot.height}" stroke="#111" stroke-dasharray="3 3"/>` +
      `<text x="${place}" y="${plot.top - 6}" text-anchor="middle">${index + 1}</text>` +
      `<text x="${plot.left}" y="${list + index * 16}">${index + 1}. ${(at / 1000).toFixed(1)} s  ${escaped(text)}</text>`
    );
  });
  const legend = list + events.length * 16 + 12;
  const names = pods.map(
    (pod, index) =>
      `<rect x="${plot.left}" y="${legend + index * 16 - 9}" width="10" height="10" fill="${palette[index % palette.length]}"/>` +
      `<text x="${plot.left + 16}" y="${legend + index * 16}">${escaped(pod)}</text>`,
  );
  const height = legend + pods.length * 16 + 20;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${plot.left}" y="16" font-size="14">${escaped(`${result.drill} in ${result.environment}, ${result.started}: ${answers.length} requests, ${result.failed.length} failed`)}</text>`,
    `<text x="${plot.left - 6}" y="${y(most) + 4}" text-anchor="end">${most}/s</text>`,
    `<text x="${plot.left}" y="${plot.top + plot.height + 16}">0 s</text>`,
    `<text x="${width - 20}" y="${plot.top + plot.height + 16}" text-anchor="end">${end} s</text>`,
    ...bars,
    ...marks,
    ...names,
    '</svg>',
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
