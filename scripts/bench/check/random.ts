/** Gives the next number from 0 to below 1. */
export type Random = () => number;

/** A linear congruential generator modulo 2³², with the constants of Numerical Recipes: the same seed, the same row. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** So many of the items, each at most once, in the order they were drawn. */
export function draw<T>(items: T[], count: number, random: Random): T[] {
  const left = [...items];
  return Array.from({ length: Math.min(count, left.length) }, () =>
    left.splice(Math.floor(random() * left.length), 1),
  ).flat();
}
