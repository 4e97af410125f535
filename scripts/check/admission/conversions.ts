import { EvaluationError } from '@marcbachmann/cel-js';
import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';

const least = -(2n ** 63n);
const most = 2n ** 63n - 1n;

function failed(what: string): never {
  throw new EvaluationError(what);
}

/** int() as cel-go has it: a string is digits and nothing else, a double is cut off. */
export function toInt(value: unknown): bigint {
  switch (typeof value) {
    case 'bigint':
      return value;
    case 'string':
      return /^[+-]?\d+$/.test(value) ? within(BigInt(value.replace('+', ''))) : failed(`no int: ${value}`);
    case 'number':
      return Number.isFinite(value) ? within(BigInt(Math.trunc(value))) : failed(`no int: ${value}`);
    default:
      if (value instanceof UnsignedInt) {
        return within(value.value);
      }
      return value instanceof Date ? BigInt(Math.floor(value.getTime() / 1000)) : failed('no int');
  }
}

function within(value: bigint): bigint {
  return value < least || value > most ? failed('integer overflow') : value;
}

/** double() as cel-go has it: a string is a decimal number and nothing else. */
export function toDouble(value: unknown): number {
  switch (typeof value) {
    case 'number':
      return value;
    case 'bigint':
      return Number(value);
    case 'string':
      return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)
        ? Number(value)
        : failed(`no double: ${value}`);
    default:
      return value instanceof UnsignedInt ? Number(value.value) : failed('no double');
  }
}

/** string() as cel-go has it. */
export function toText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'number':
      return doubleText(value);
    default:
      if (value instanceof UnsignedInt) {
        return String(value.value);
      }
      if (value instanceof Uint8Array) {
        return new TextDecoder('utf-8', { fatal: true }).decode(value);
      }
      if (value instanceof Date) {
        return value.toISOString().replace(/\.?0*Z$/, 'Z');
      }
      return value instanceof Duration
        ? `${Number(value.seconds) + value.nanos / 1e9}s`
        : failed('no string');
  }
}

/** `strconv.FormatFloat(value, 'g', -1, 64)`, which has an exponent below 1e-4 and from 1e6. */
function doubleText(value: number): string {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  }
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 6)) {
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  return String(value);
}
