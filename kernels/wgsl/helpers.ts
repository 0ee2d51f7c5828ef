/**
 * The WGSL functions that kernels share. They avoid what WGSL leaves open: arguments on which a builtin may overflow,
 * cancellation that a compiler may reassociate away, and any reliance on NaN or infinity comparing as they should.
 */

interface Helper {
  readonly code: string;
  readonly needs?: readonly string[];
  /** What `main` does before anything else. */
  readonly entry?: string;
}

/** How a narrow float sits in an f32's bits. */
interface Format {
  /** Mantissa bits that f32 has and this format has not. */
  readonly drop: number;
  /** f32 bits of the least normal value; below it values are multiples of `quantum`. */
  readonly leastNormal: number;
  readonly largest: number;
  /** 1 / quantum, a power of two, and its f32 reciprocal. */
  readonly perQuantum: number;
  readonly nan: number;
  readonly signShift: number;
}

const FORMATS: Record<string, Format> = {
  f16: {
    drop: 13,
    leastNormal: 0x38800000,
    largest: 0x477fe000,
    perQuantum: 2 ** 24,
    nan: 0x7e00,
    signShift: 16,
  },
  f8e4m3: {
    drop: 20,
    leastNormal: 0x3c800000,
    largest: 0x43e00000,
    perQuantum: 2 ** 9,
    nan: 0x7f,
    signShift: 24,
  },
  f8e5m2: {
    drop: 21,
    leastNormal: 0x38800000,
    largest: 0x47600000,
    perQuantum: 2 ** 16,
    nan: 0x7e,
    signShift: 24,
  },
};

const hex = (x: number) => `0x${x.toString(16)}u`;
const decimal = (x: number) => `${x}f`.replace("e+", "e");

/** Nearest value, ties to even, saturated; NaN stays NaN. */
function roundCode(name: string, f: Format): string {
  const half = (1 << (f.drop - 1)) - 1;
  return `\
fn round_${name}(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let a = bits & 0x7fffffffu;
  let normal = min((a + ${hex(half)} + ((a >> ${f.drop}u) & 1u)) & ${hex((~((1 << f.drop) - 1)) >>> 0)}, ${
    hex(f.largest)
  });
  let small = bitcast<f32>(min(a, ${hex(f.leastNormal)}));
  let subnormal = bitcast<u32>(round(small * ${decimal(f.perQuantum)}) * ${decimal(1 / f.perQuantum)});
  let finite = select(normal, subnormal, a < ${hex(f.leastNormal)});
  return bitcast<f32>(select(finite, a, a > 0x7f800000u) | (bits & 0x80000000u));
}`;
}

/** The code of a value that the format holds exactly (or of NaN). */
function codeCode(name: string, f: Format): string {
  const rebias = f.leastNormal - (1 << 23);
  return `\
fn code_${name}(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let a = bits & 0x7fffffffu;
  let subnormal = u32(bitcast<f32>(min(a, ${hex(f.leastNormal)})) * ${decimal(f.perQuantum)});
  let finite = select((a - ${hex(rebias)}) >> ${f.drop}u, subnormal, a < ${hex(f.leastNormal)});
  return select(finite, ${hex(f.nan)}, a > 0x7f800000u) | ((bits & 0x80000000u) >> ${f.signShift}u);
}`;
}

const HELPERS: Record<string, Helper> = {
  not_a_number: { code: "var<private> not_a_number: u32 = 0x7fc00000u;" },

  exp_safe: {
    // min comes first: where it drops a NaN, the result is huge and cannot pass unnoticed.
    code: `fn exp_safe(x: f32) -> f32 { return exp(max(min(x, 88.72283f), -104f)); }`,
  },
  expm1_safe: {
    needs: ["exp_safe"],
    code: `\
fn expm1_safe(x: f32) -> f32 {
  let s = clamp(x, -0.5f, 0.5f);
  let series = s * (1f + s * (0.5f + s * (0.16666667f + s * (0.041666668f + s * (0.008333334f + s * (0.0013888889f +
    s * (0.0001984127f + s * 0.000024801588f)))))));
  return select(exp_safe(x) - 1f, series, abs(x) < 0.5f);
}`,
  },
  log1p_safe: {
    // 2 atanh(x / (2 + x)): nothing cancels, so nothing is lost to reassociation.
    code: `\
fn log1p_safe(x: f32) -> f32 {
  let small = clamp(x, -0.5f, 0.5f);
  let s = small / (2f + small);
  let q = s * s;
  let series = 2f * s * (1f + q * (0.33333334f + q * (0.2f + q * (0.14285715f + q * (0.11111111f + q * (0.09090909f +
    q * (0.07692308f + q * (0.06666667f + q * 0.05882353f))))))));
  return select(log(1f + x), series, abs(x) < 0.5f);
}`,
  },
  tanh_safe: {
    // A rational approximation (Eigen's), a few ulps over its range; beyond it tanh is 1 in f32.
    code: `\
fn tanh_safe(x: f32) -> f32 {
  let c = select(x, sign(x) * 7.9f, abs(x) > 7.9f);
  let q = c * c;
  let p = c * (0.00489352455891786f + q * (0.000637261928875436f + q * (0.0000148572235717979f +
    q * (5.12229709037114e-8f + q * (-8.60467152213735e-11f + q * (2.00018790482477e-13f + q * -2.76076847742355e-16f))))));
  let d = 0.00489352518554385f + q * (0.0022684346324390f + q * (0.000118534705686654f + q * 0.00000119825839466702f));
  return select(p / d, sign(x), abs(x) > 7.9f);
}`,
  },
  erf_safe: {
    // Minimax polynomials: of (erf x)/x − 1 in x² near 0, of (ln erfc x)/x beyond 0.9; to 1 ulp where exp is.
    code: `\
fn erf_safe(x: f32) -> f32 {
  let t = abs(x);
  let q = x * x;
  let near = x + x * (0.12837915122509003f + q * (-0.3761253356933594f + q * (0.11282230168581009f + q * (-0.02678195759654045f +
    q * (0.005016228184103966f + q * -0.000611129158642143f)))));
  let c = select(t, 4.05f, t > 4.05f);
  let far = 1f - exp(c * (-1.1285200119018555f + c * (-0.6356993317604065f + c * (-0.10528688132762909f +
    c * (0.022906050086021423f + c * (-0.0032199821434915066f + c * 0.00021459590061567724f))))));
  return select(bitcast<f32>(bitcast<u32>(far) | (bitcast<u32>(x) & 0x80000000u)), near, t < 0.9f);
}`,
  },
  quarter_turns: {
    // x = k·π/2 + r with r in [−π/4, π/4]. The first two parts of π/2 are short, so that their products with k are exact
    // where fma is not fused; fma keeps the parts from being folded into one.
    code: `\
fn quarter_turns(x: f32) -> vec2<f32> {
  let k = round(x * 0.63661975f);
  let r = fma(-k, 7.54979e-8f, fma(-k, 0.0004837513f, fma(-k, 1.5703125f, x)));
  return vec2<f32>(r, k);
}`,
  },
  sin_turned: {
    needs: ["quarter_turns"],
    code: `\
fn sin_turned(x: f32, turn: i32) -> f32 {
  let t = quarter_turns(x);
  let r = t.x;
  let s = r * r;
  let sine = r + r * s * (-0.16666655f + s * (0.008332161f + s * -0.00019515296f));
  let cosine = 1f - 0.5f * s + s * s * (0.041666646f + s * (-0.0013887316f + s * 0.000024433157f));
  let q = (i32(t.y) + turn) & 3;
  let y = select(sine, cosine, (q & 1) == 1);
  return select(y, -y, (q & 2) == 2);
}`,
  },
  pow_signed: {
    needs: ["not_a_number"],
    code: `\
fn pow_signed(x: f32, y: f32) -> f32 {
  let whole = floor(y) == y;
  let odd = whole && floor(y * 0.5f) * 2f != y;
  let a = abs(x);
  var p = pow(select(a, 1f, a == 0f), y);
  if (a == 0f) { p = select(0f, 3.4028234663852886e38f, y < 0f); }
  if (x < 0f) { p = select(select(p, -p, odd), bitcast<f32>(not_a_number), !whole); }
  return select(p, 1f, y == 0f);
}`,
  },
  rem_f32: { code: `fn rem_f32(a: f32, b: f32) -> f32 { return a - b * trunc(a / b); }` },
  div_i32: {
    code: `fn div_i32(a: i32, b: i32) -> i32 { return select(a / select(b, 1, b == 0), 0, b == 0); }`,
  },
  rem_i32: {
    code: `fn rem_i32(a: i32, b: i32) -> i32 { return select(a % select(b, 1, b == 0), 0, b == 0); }`,
  },
  div_u32: {
    code: `fn div_u32(a: u32, b: u32) -> u32 { return select(a / select(b, 1u, b == 0u), 0u, b == 0u); }`,
  },
  rem_u32: {
    code: `fn rem_u32(a: u32, b: u32) -> u32 { return select(a % select(b, 1u, b == 0u), 0u, b == 0u); }`,
  },
  i32_saturated: {
    code: `\
fn i32_saturated(x: f32) -> i32 {
  let y = i32(clamp(x, -2147483648f, 2147483520f));
  return select(y, 2147483647, x >= 2147483648f);
}`,
  },
  u32_saturated: {
    code: `\
fn u32_saturated(x: f32) -> u32 {
  let y = u32(clamp(x, 0f, 4294967040f));
  return select(y, 4294967295u, x >= 4294967296f);
}`,
  },
  mulhi_u32: {
    code: `\
fn mulhi_u32(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let mid = ah * bl + ((al * bl) >> 16u);
  let low = al * bh + (mid & 0xffffu);
  return ah * bh + (mid >> 16u) + (low >> 16u);
}`,
  },

  round_bf16: {
    code: `\
fn round_bf16(x: f32) -> f32 {
  let b = bitcast<u32>(x);
  let r = (b + 0x7fffu + ((b >> 16u) & 1u)) & 0xffff0000u;
  return bitcast<f32>(select(r, 0x7fc00000u, (b & 0x7fffffffu) > 0x7f800000u));
}`,
  },
  code_bf16: { code: `fn code_bf16(x: f32) -> u32 { return bitcast<u32>(x) >> 16u; }` },
  value_bf16: { code: `fn value_bf16(h: u32) -> f32 { return bitcast<f32>(h << 16u); }` },

  saturated_f16: {
    // What overflows f16, infinity included, becomes its largest value; NaN stays.
    code: `\
fn saturated_f16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let over = (bits & 0x7fffffffu) - 0x477ff000u <= 0x38001000u;
  return select(x, bitcast<f32>(0x477fe000u | (bits & 0x80000000u)), over);
}`,
  },
  saturated_halves_native: {
    // An infinity less one is the largest value; no other code than an infinity's makes a zero here.
    code: `\
fn saturated_halves_native(x: f32, y: f32) -> u32 {
  let w = bitcast<u32>(vec2<f16>(f16(x), f16(y)));
  let others = ((w & 0x7fff7fffu) ^ 0x7c007c00u) + 0x7fff7fffu;
  return w - ((~others & 0x80008000u) >> 15u);
}`,
  },
  value_f16_native: { code: `fn value_f16_native(h: u32) -> f32 { return f32(bitcast<vec2<f16>>(h).x); }` },
  value_f16_unpacked: { code: `fn value_f16_unpacked(h: u32) -> f32 { return unpack2x16float(h).x; }` },
  code_f16_native: {
    code: `fn code_f16_native(x: f32) -> u32 { return bitcast<u32>(vec2<f16>(f16(x), 0h)); }`,
  },
  opaque_zero: {
    // The third coordinate of a workgroup's number, which is 0: grids are flat, but no driver knows.
    code: "var<private> opaque_zero: u32;",
    entry: "opaque_zero = wid.z;",
  },
  round_f16_native: {
    // Through a word that a driver must compute with: NVIDIA's takes f32(f16(x)) for x, and a value that is used again
    // in registers would keep bits that f16 does not have.
    needs: ["saturated_f16", "code_f16_native", "value_f16_native", "opaque_zero"],
    code: `\
fn round_f16_native(x: f32) -> f32 { return value_f16_native(code_f16_native(saturated_f16(x)) ^ opaque_zero); }`,
  },
  value_f16: {
    // By bits, because unpack2x16float may flush subnormals.
    code: `\
fn value_f16(h: u32) -> f32 {
  let a = h & 0x7fffu;
  let wide = (a << 13u) + select(0x38000000u, 0x70000000u, a >= 0x7c00u);
  let finite = select(bitcast<f32>(wide), f32(a) * 5.9604645e-8f, a < 0x400u);
  return bitcast<f32>(bitcast<u32>(finite) | ((h & 0x8000u) << 16u));
}`,
  },
  value_f8e5m2: {
    needs: ["value_f16"],
    code: `fn value_f8e5m2(c: u32) -> f32 { return value_f16(c << 8u); }`,
  },
  value_f8e4m3: {
    code: `\
fn value_f8e4m3(c: u32) -> f32 {
  let a = c & 0x7fu;
  let wide = select((a << 20u) + 0x3c000000u, 0x7fc00000u, a == 0x7fu);
  let value = select(bitcast<f32>(wide), f32(a) * 0.001953125f, a < 8u);
  return bitcast<f32>(bitcast<u32>(value) | ((c & 0x80u) << 24u));
}`,
  },
};

for (const [name, format] of Object.entries(FORMATS)) {
  HELPERS[`round_${name}`] = { code: roundCode(name, format) };
  HELPERS[`code_${name}`] = { code: codeCode(name, format) };
}

/** The helpers a shader asked for and what those need, each before its first use. */
export class Helpers {
  readonly #order: string[] = [];

  /** Makes the helper available and returns its name. */
  use(name: string): string {
    if (this.#order.includes(name)) return name;
    const helper = HELPERS[name];
    if (!helper) throw new Error(`no WGSL helper is called ${name}`);
    for (const other of helper.needs ?? []) this.use(other);
    this.#order.push(name);
    return name;
  }

  /** Their definitions, in an order that WGSL readers expect. */
  texts(): string[] {
    return this.#order.map((name) => HELPERS[name].code);
  }

  /** The lines with which `main` begins for them. */
  entry(): string[] {
    return this.#order.flatMap((name) => HELPERS[name].entry ?? []);
  }

  /** Whether any of them needs `enable f16`. */
  usesF16(): boolean {
    return this.#order.some((name) => name.endsWith("_native"));
  }
}
