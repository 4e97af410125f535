/** One line of a metrics endpoint. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/**
 * The samples of the metrics that are asked for, in Prometheus' text format.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function samplesOf(text: string, names: string[]): Sample[] {
  return text.split('\n').flatMap((line): Sample[] => {
    const [, name = '', labels = '', value = ''] =
      /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/.exec(line) ?? [];
    return names.includes(name) ? [{ name, labels: labelsOf(labels), value: numberOf(value) }] : [];
  });
}

function labelsOf(said: string): Record<string, string> {
  const pairs = said.matchAll(/([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g);
  const unescaped = (value: string) =>
    value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
  return Object.fromEntries([...pairs].map(([, name = '', value = '']) => [name, unescaped(value)]));
}

function numberOf(value: string): number {
  return { '+Inf': Number.POSITIVE_INFINITY, '-Inf': Number.NEGATIVE_INFINITY }[value] ?? Number(value);
}
