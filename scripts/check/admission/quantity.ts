/** Powers of ten of the decimal suffixes, and of 1024 of the binary ones: apimachinery/pkg/api/resource/suffix.go. */
const decimal: Record<string, number> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binary = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

const form = /^([+-]?)(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,4}|)$/;
const nano = 9;

/** An amount as Kubernetes writes it (`500m`, `1Gi`), exact down to a billionth, where Kubernetes rounds up. */
export class Quantity {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  /** Undefined for what Kubernetes would not read as a quantity. */
  static parse(text: string): Quantity | undefined {
    const [, sign, number = '', suffix = ''] = form.exec(text) ?? [];
    if (sign === undefined) {
      return undefined;
    }
    const [whole = '', fraction = ''] = number.split('.');
    const power = binary.indexOf(suffix) + 1;
    const exponent = power > 0 ? 0 : (decimal[suffix] ?? Number(suffix.slice(1)));
    const digits = BigInt(whole + fraction) * 1024n ** BigInt(power);
    const shift = exponent - fraction.length + nano;
    const nanos = shift >= 0 ? digits * 10n ** BigInt(shift) : roundedUp(digits, 10n ** BigInt(-shift));
    return new Quantity(sign === '-' ? -nanos : nanos);
  }

  /** As Kubernetes writes it back, in the family of suffixes that `text`, which it was read from, used. */
  static canonical(text: string): string | undefined {
    const amount = Quantity.parse(text);
    if (amount === undefined || amount.nanos === 0n) {
      return amount && '0';
    }
    const whole = amount.asInteger();
    if (text.endsWith('i') && whole !== undefined && (whole >= 1024n || whole <= -1024n)) {
      const [mantissa, power] = stripped(whole, 1024n, binary.length);
      return `${mantissa}${binary[power - 1] ?? ''}`;
    }
    const [mantissa, power] = stripped(amount.nanos, 1000n, 9);
    const exponent = 3 * power - nano;
    if (/[eE][+-]?\d+$/.test(text)) {
      return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`;
    }
    return `${mantissa}${Object.keys(decimal).find((suffix) => decimal[suffix] === exponent) ?? ''}`;
  }

  compareTo(other: Quantity): bigint {
    return this.nanos === other.nanos ? 0n : this.nanos < other.nanos ? -1n : 1n;
  }

  /** Undefined when it is no whole number. */
  asInteger(): bigint | undefined {
    const unit = 10n ** BigInt(nano);
    return this.nanos % unit === 0n ? this.nanos / unit : undefined;
  }
}

function roundedUp(digits: bigint, divisor: bigint): bigint {
  return digits / divisor + (digits % divisor === 0n ? 0n : 1n);
}

/** A number without its factors of `base`, and how many it had. */
function stripped(number: bigint, base: bigint, most: number): [bigint, number] {
  let [rest, power] = [number, 0];
  while (power < most && rest % base === 0n) {
    rest /= base;
    power += 1;
  }
  return [rest, power];
}
