import { Environment, EvaluationError } from '@marcbachmann/cel-js';
import { RE2JS, RE2JSSyntaxException } from 're2js';
import { toDouble, toInt, toText } from './conversions.ts';
import { Quantity } from './quantity.ts';

const patterns = new Map<string, RE2JS>();

/**
 * RE2, as in kube-apiserver: linear in the text whatever the pattern.
 * @throws {EvaluationError} for what is no pattern
 */
export function pattern(source: string): RE2JS {
  let compiled = patterns.get(source);
  if (compiled === undefined) {
    try {
      compiled = RE2JS.compile(source);
    } catch (error) {
      throw new EvaluationError(
        `not an RE2 pattern: ${source}${error instanceof RE2JSSyntaxException ? ` (${error.message})` : ''}`,
      );
    }
    patterns.set(source, compiled);
  }
  return compiled;
}

function quantity(text: string): Quantity {
  const parsed = Quantity.parse(text);
  if (parsed === undefined) {
    throw new EvaluationError(`not a quantity: ${text}`);
  }
  return parsed;
}

function integer(amount: Quantity): bigint {
  const whole = amount.asInteger();
  if (whole === undefined) {
    throw new EvaluationError('the quantity is no whole number');
  }
  return whole;
}

function found(text: string, source: string, most: bigint): string[] {
  const matcher = pattern(source).matcher(text);
  const all: string[] = [];
  while ((most < 0n || all.length < most) && matcher.find()) {
    all.push(matcher.group() ?? '');
  }
  return all;
}

/**
 * The functions of k8s.io/apiserver/pkg/cel/library that policies use. What is not here does not compile, and is
 * refused by name: add it here when a policy needs it, and to the differential test.
 */
export const library = new Environment({ enableOptionalTypes: true })
  .registerType('Quantity', Quantity)
  .registerFunction('quantity(string): Quantity', quantity)
  .registerFunction('isQuantity(string): bool', (text: string) => Quantity.parse(text) !== undefined)
  .registerFunction('Quantity.compareTo(Quantity): int', (one: Quantity, other: Quantity) =>
    one.compareTo(other),
  )
  .registerFunction(
    'Quantity.isGreaterThan(Quantity): bool',
    (one: Quantity, other: Quantity) => one.compareTo(other) > 0n,
  )
  .registerFunction(
    'Quantity.isLessThan(Quantity): bool',
    (one: Quantity, other: Quantity) => one.compareTo(other) < 0n,
  )
  .registerFunction('Quantity.isInteger(): bool', (amount: Quantity) => amount.asInteger() !== undefined)
  .registerFunction('Quantity.asInteger(): int', integer)
  .registerFunction('toI(dyn): int', toInt)
  .registerFunction('toReal(dyn): double', toDouble)
  .registerFunction('toText(dyn): string', toText)
  .registerFunction('string.re2Test(string): bool', (text: string, source: string) =>
    pattern(source).matcher(text).find(),
  )
  .registerFunction(
    'string.find(string): string',
    (text: string, source: string) => found(text, source, 1n)[0] ?? '',
  )
  .registerFunction('string.findAll(string): list<string>', (text: string, source: string) =>
    found(text, source, -1n),
  )
  .registerFunction('string.findAll(string, int): list<string>', found);
