/** The value that this share of the values do not exceed (nearest rank): 0.5 the median, 1 the highest. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
}
