import type { FieldPath } from '../model.ts';
import type { CelValue } from './cel.ts';

type Reads = { last: FieldPath };

const reads = new WeakMap<object, Reads>();

/** The same value, which remembers the field that was asked for last: where an expression stopped is what it is about. */
export function watched(value: CelValue): CelValue {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const log: Reads = { last: [] };
  const proxy = watch(value, [], log);
  reads.set(proxy, log);
  return proxy;
}

/** The path of the field that was last asked for, whether it is there or not. */
export function lastRead(value: CelValue): FieldPath {
  return (typeof value === 'object' && value !== null && reads.get(value)?.last) || [];
}

function watch<T extends object>(value: T, path: FieldPath, log: Reads): T {
  const step = (key: string): FieldPath => [...path, Array.isArray(value) ? Number(key) : key];
  return new Proxy(value, {
    get(target, key) {
      const field = Reflect.get(target, key);
      if (
        typeof key !== 'string' ||
        !Object.hasOwn(target, key) ||
        (Array.isArray(target) && key === 'length')
      ) {
        return field;
      }
      log.last = step(key);
      return typeof field === 'object' && field !== null ? watch(field, log.last, log) : field;
    },
    getOwnPropertyDescriptor(target, key) {
      if (typeof key === 'string') {
        log.last = step(key);
      }
      return Reflect.getOwnPropertyDescriptor(target, key);
    },
  });
}
