import type { FieldPath } from '../model.ts';
import type { CelValue } from './cel.ts';

/**
 * The same value, which tells of each field that an expression asks for, whether it is there or not. What it asks for
 * last is what it stopped at, and so what its verdict is about.
 */
export function watched(value: CelValue, onRead: (path: FieldPath) => void): CelValue {
  return typeof value === 'object' && value !== null ? watch(value, [], onRead) : value;
}

function watch<T extends object>(value: T, path: FieldPath, onRead: (path: FieldPath) => void): T {
  const step = (key: string): FieldPath => [...path, Array.isArray(value) ? Number(key) : key];
  return new Proxy(value, {
    get(target, key) {
      const field = Reflect.get(target, key);
      const own = typeof key === 'string' && Object.hasOwn(target, key);
      if (!own || (Array.isArray(target) && key === 'length')) {
        return field;
      }
      onRead(step(key));
      return typeof field === 'object' && field !== null ? watch(field, step(key), onRead) : field;
    },
    getOwnPropertyDescriptor(target, key) {
      if (typeof key === 'string') {
        onRead(step(key));
      }
      return Reflect.getOwnPropertyDescriptor(target, key);
    },
  });
}
