import { isMap, type Json, type JsonMap } from '../model.ts';
import { Quantity } from './quantity.ts';

/** The amounts of requests and limits as Kubernetes writes them. */
export function quantities(resources: Json | undefined): void {
  for (const amounts of isMap(resources) ? [resources.requests, resources.limits] : []) {
    for (const [name, amount] of Object.entries(isMap(amounts) ? amounts : {})) {
      if (isMap(amounts)) {
        amounts[name] = quantity(amount);
      }
    }
  }
}

/** A quantity in the form that Kubernetes writes back: CEL policies compare it as text or through quantity(). */
export function quantity(amount: Json): Json {
  return Quantity.canonical(String(amount)) ?? amount;
}

/** The map at a key, which is made where there is none. */
export function child(map: JsonMap, key: string): JsonMap {
  const value = map[key];
  if (isMap(value)) {
    return value;
  }
  const empty: JsonMap = {};
  map[key] = empty;
  return empty;
}

/** Of what Go has a pointer to, an empty string is a value too. */
export function setAbsent(map: JsonMap, defaults: JsonMap): void {
  for (const [key, value] of Object.entries(defaults)) {
    map[key] ??= value;
  }
}

/** An empty string is as good as absent where Go has a plain string. */
export function setDefaults(map: JsonMap, defaults: Record<string, Json | undefined>): void {
  for (const [key, value] of Object.entries(defaults)) {
    const current = map[key];
    if ((current === undefined || (current === '' && typeof value === 'string')) && value !== undefined) {
      map[key] = value;
    }
  }
}
