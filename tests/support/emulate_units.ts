import { FRAGMENT, type MatrixUnit, SUBGROUP } from "../../kernels/matrix_plan.ts";

/** Elements of a fragment of the result that one invocation holds. */
const EACH = FRAGMENT * FRAGMENT / SUBGROUP;

/**
 * A contraction for matrix units as plain WGSL, so that it runs on a device that has none: a fragment of an operand is
 * the place where it stands in workgroup memory, one of the result is spread over the subgroup's invocations. What a
 * fragment means is written from WGSL's description: a left one has rows of the sum's coordinate, a right one columns.
 */
export function emulateUnits(code: string, unit: MatrixUnit): string {
  const { component, result, depth } = unit;
  const lines = code.split("\n").filter((l) => !/^enable |^diagnostic/.test(l));
  const text = lines.join("\n")
    .replace(
      /, @builtin\(subgroup_id\) subgroup: u32, @builtin\(subgroup_invocation_id\) invocation: u32/,
      "",
    )
    .replace(
      /^fn main\(.*$/m,
      (l) => `${l}\n  let subgroup = lid / ${SUBGROUP}u;\n  let invocation = lid % ${SUBGROUP}u;`,
    )
    // Halves in words without f16: not every device with f16 has a bitcast of it.
    .replaceAll("bitcast<u32>(vec2<f16>(", "narrowed(vec2<f32>(")
    .replaceAll("bitcast<vec2<f16>>(", "unpack2x16float(")
    .replaceAll(/\bf16\(/g, "f32(")
    .replaceAll(/\b0h\b/g, "0f")
    .replaceAll(/subgroup_matrix_result<[^>]*>/g, "Sums")
    .replaceAll(
      /subgroupMatrixLoad<subgroup_matrix_(left|right)<\w+, (\d+), (\d+)>, (row|col)_major>\(&panels, (.*), (\d+)u\);/g,
      (_, side, columns, rows, major, at, stride) => {
        const [wantColumns, wantRows] = side === "left" ? [depth, FRAGMENT] : [FRAGMENT, depth];
        if (Number(columns) !== wantColumns || Number(rows) !== wantRows) {
          throw new Error(`a ${side} fragment`);
        }
        return `vec3<u32>(${at}, ${stride}u, ${major === "row" ? 1 : 0}u);`;
      },
    )
    .replaceAll(
      /(\w+) = subgroupMatrixMultiplyAccumulate\((\w+), (\w+), \w+\);/g,
      (_, c, a, b) => `${c} = multiplied(${a}, ${b}, ${c}, invocation);`,
    )
    .replaceAll(
      /subgroupMatrixStore<row_major>\(&panels, (.*), (\w+), (\d+)u\);/g,
      (_, at, c, stride) => `hand_over(${at}, ${stride}u, ${c}, invocation);`,
    );
  if (/subgroup_matrix_|subgroupMatrix|<f16>/.test(text)) throw new Error(`not emulated:\n${text}`);
  const bytes = component === "f16" ? 2 : 1;
  const decode = component === "f16"
    ? `unpack2x16float(word >> ((at % 2u) * 16u)).x`
    : component === "i8"
    ? `i32(word << (24u - (at % 4u) * 8u)) >> 24u`
    : `(word >> ((at % 4u) * 8u)) & 0xffu`;
  const rows = (line: (sum: string, row: number) => string) =>
    Array.from({ length: EACH }, (_, i) => line(`sums.${i < 4 ? "low" : "high"}.${"xyzw"[i % 4]}`, 2 * i))
      .join("\n");
  return `${text}
// As the hardware's conversion: what f16 cannot hold is an infinity. WGSL leaves open what pack2x16float makes of it.
fn narrowed(x: vec2<f32>) -> u32 {
  let bits = bitcast<vec2<u32>>(x) & vec2<u32>(0x7fffffffu);
  let large = bits >= vec2<u32>(0x477ff000u);
  let codes = select(vec2<u32>(0x7c00u), vec2<u32>(0x7e00u), bits > vec2<u32>(0x7f800000u));
  let signed = select(vec2<u32>(), codes | ((bitcast<vec2<u32>>(x) >> vec2<u32>(16u)) & vec2<u32>(0x8000u)), large);
  return pack2x16float(select(x, vec2<f32>(), large)) | signed.x | (signed.y << 16u);
}
struct Sums { low: vec4<${result}>, high: vec4<${result}> }
fn element(m: vec3<u32>, row: u32, column: u32) -> ${result} {
  let across = select(row, column, m.z == 1u);
  let down = select(column, row, m.z == 1u);
  let at = (m.x + down * m.y) * ${16 / bytes}u + across;
  let word = panels[at / ${16 / bytes}u][(at / ${4 / bytes}u) % 4u];
  return ${decode};
}
// An invocation has half of every second row of the result.
fn multiplied(a: vec3<u32>, b: vec3<u32>, c: Sums, lane: u32) -> Sums {
  var sums = c;
  let row = lane / ${FRAGMENT}u;
  for (var k = 0u; k < ${depth}u; k++) {
    let y = element(b, k, lane % ${FRAGMENT}u);
${rows((sum, i) => `    ${sum} += element(a, row + ${i}u, k) * y;`)}
  }
  return sums;
}
fn hand_over(at: u32, stride: u32, sums: Sums, lane: u32) {
  let row = lane / ${FRAGMENT}u;
  let column = lane % ${FRAGMENT}u;
${
    rows((sum, i) =>
      `  panels[at + (row + ${i}u) * stride + column / 4u][column % 4u] = bitcast<u32>(${sum});`
    )
  }
}
`;
}
