// f16 NN 160_144_192 epilogue: matmul, subgroup_matrix 16x16x16 f16, tile 128x128x32, 64x64 a subgroup
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
@group(0) @binding(0) var<storage, read> b0: array<vec4<u32>>;  // read f16[160, 192] f16[160,192]
@group(0) @binding(1) var<storage, read> b1: array<vec4<u32>>;  // read f16[192, 144] f16[192,144]
@group(0) @binding(2) var<storage, read> b2: array<vec4<f32>>;  // read f32[144] f32[144]
@group(0) @binding(3) var<storage, read_write> b3: array<vec2<u32>>;  // write f16[160, 144] f16[160,144]
@group(0) @binding(4) var<storage, read_write> b4: array<vec4<f32>>;  // write f32[160, 144] f32[160,144]
@group(0) @binding(5) var<storage, read_write> b5: array<atomic<u32>>;  // read_write u32[1] u32[1]
var<workgroup> panels: array<vec4<u32>, 1184>;
fn saturated_halves_native(x: f32, y: f32) -> u32 {
  let w = bitcast<u32>(vec2<f16>(f16(x), f16(y)));
  let others = ((w & 0x7fff7fffu) ^ 0x7c007c00u) + 0x7fff7fffu;
  return w - ((~others & 0x80008000u) >> 15u);
}
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lid: u32, @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) invocation: u32) {
  var peak_f16: u32 = 0u;
  let group0 = i32(wid.x);
  let t1 = i32(lid);
  let v2 = (group0 >> 1u) * 128;
  let v3 = (group0 & 1) * 128;
  let s4 = i32(subgroup);
  let v5 = s4 & 1;
  let v6 = s4 >> 1u;
  var c0_0: subgroup_matrix_result<f32, 16, 16>;
  var c0_1: subgroup_matrix_result<f32, 16, 16>;
  var c0_2: subgroup_matrix_result<f32, 16, 16>;
  var c0_3: subgroup_matrix_result<f32, 16, 16>;
  var c1_0: subgroup_matrix_result<f32, 16, 16>;
  var c1_1: subgroup_matrix_result<f32, 16, 16>;
  var c1_2: subgroup_matrix_result<f32, 16, 16>;
  var c1_3: subgroup_matrix_result<f32, 16, 16>;
  var c2_0: subgroup_matrix_result<f32, 16, 16>;
  var c2_1: subgroup_matrix_result<f32, 16, 16>;
  var c2_2: subgroup_matrix_result<f32, 16, 16>;
  var c2_3: subgroup_matrix_result<f32, 16, 16>;
  var c3_0: subgroup_matrix_result<f32, 16, 16>;
  var c3_1: subgroup_matrix_result<f32, 16, 16>;
  var c3_2: subgroup_matrix_result<f32, 16, 16>;
  var c3_3: subgroup_matrix_result<f32, 16, 16>;
  var fa0: vec4<u32>;
  var fa1: vec4<u32>;
  var fa2: vec4<u32>;
  var fa3: vec4<u32>;
  var fb0: vec4<u32>;
  var fb1: vec4<u32>;
  var fb2: vec4<u32>;
  var fb3: vec4<u32>;
  let v7 = v2 + (((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8));
  let v8 = (t1 & 3) * 8;
  let v9 = b0[((((v7 * 192) + v8) >> 1u) >> 2u)];
  fa0 = v9;
  let v10 = min((v2 + ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 32)), 159);
  let v11 = b0[((((v10 * 192) + v8) >> 1u) >> 2u)];
  fa1 = v11;
  let v12 = min((v2 + ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 64)), 159);
  let v13 = b0[((((v12 * 192) + v8) >> 1u) >> 2u)];
  fa2 = v13;
  let v14 = min((v2 + ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 96)), 159);
  let v15 = b0[((((v14 * 192) + v8) >> 1u) >> 2u)];
  fa3 = v15;
  let v16 = min((v3 + ((t1 & 15) * 8)), 136);
  let v17 = t1 >> 4u;
  let v18 = b1[((((v17 * 144) + v16) >> 1u) >> 2u)];
  fb0 = v18;
  let v19 = v17 + 8;
  let v20 = b1[((((v19 * 144) + v16) >> 1u) >> 2u)];
  fb1 = v20;
  let v21 = v17 + 16;
  let v22 = b1[((((v21 * 144) + v16) >> 1u) >> 2u)];
  fb2 = v22;
  let v23 = v17 + 24;
  let v24 = b1[((((v23 * 144) + v16) >> 1u) >> 2u)];
  fb3 = v24;
  let v26 = ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) * 5) + (t1 & 3);
  let v27 = (((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 32) * 5) + (t1 & 3);
  let v28 = (((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 64) * 5) + (t1 & 3);
  let v29 = (((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 96) * 5) + (t1 & 3);
  let v30 = ((v17 * 17) + (t1 & 15)) + 640;
  let v31 = ((v19 * 17) + (t1 & 15)) + 640;
  let v32 = ((v21 * 17) + (t1 & 15)) + 640;
  let v33 = ((v23 * 17) + (t1 & 15)) + 640;
  let v36 = v7 * 192;
  let v38 = v10 * 192;
  let v40 = v12 * 192;
  let v42 = v14 * 192;
  let v52 = (v6 * 64) * 5;
  let v54 = ((v6 * 64) + 16) * 5;
  let v56 = ((v6 * 64) + 32) * 5;
  let v58 = ((v6 * 64) + 48) * 5;
  let v60 = ((v5 * 64) >> 3u) + 640;
  let v62 = (((v5 * 64) + 16) >> 3u) + 640;
  let v64 = (((v5 * 64) + 32) >> 3u) + 640;
  let v66 = (((v5 * 64) + 48) >> 3u) + 640;
  let v68 = v52 + 2;
  let v70 = v54 + 2;
  let v72 = v56 + 2;
  let v74 = v58 + 2;
  let v76 = (272 + ((v5 * 64) >> 3u)) + 640;
  let v78 = (272 + (((v5 * 64) + 16) >> 3u)) + 640;
  let v80 = (272 + (((v5 * 64) + 32) >> 3u)) + 640;
  let v82 = (272 + (((v5 * 64) + 48) >> 3u)) + 640;
  for (var k25 = 32; k25 <= 192; k25 += 32) {
    panels[v26] = fa0;
    panels[v27] = fa1;
    panels[v28] = fa2;
    panels[v29] = fa3;
    panels[v30] = fb0;
    panels[v31] = fb1;
    panels[v32] = fb2;
    panels[v33] = fb3;
    workgroupBarrier();
    if (k25 < 192) {
      let k34 = k25;
      let v35 = k34 + v8;
      let v37 = b0[(((v36 + v35) >> 1u) >> 2u)];
      fa0 = v37;
      let v39 = b0[(((v38 + v35) >> 1u) >> 2u)];
      fa1 = v39;
      let v41 = b0[(((v40 + v35) >> 1u) >> 2u)];
      fa2 = v41;
      let v43 = b0[(((v42 + v35) >> 1u) >> 2u)];
      fa3 = v43;
      let v44 = k34 + v17;
      let v45 = b1[((((v44 * 144) + v16) >> 1u) >> 2u)];
      fb0 = v45;
      let v46 = k34 + v19;
      let v47 = b1[((((v46 * 144) + v16) >> 1u) >> 2u)];
      fb1 = v47;
      let v48 = k34 + v21;
      let v49 = b1[((((v48 * 144) + v16) >> 1u) >> 2u)];
      fb2 = v49;
      let v50 = k34 + v23;
      let v51 = b1[((((v50 * 144) + v16) >> 1u) >> 2u)];
      fb3 = v51;
    }
    let x53 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&panels, u32(v52), 5u);
    let x55 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&panels, u32(v54), 5u);
    let x57 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&panels, u32(v56), 5u);
    let x59 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&panels, u32(v58), 5u);
    let y61 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&panels, u32(v60), 17u);
    let y63 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&panels, u32(v62), 17u);
    let y65 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&panels, u32(v64), 17u);
    let y67 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&panels, u32(v66), 17u);
    c0_0 = subgroupMatrixMultiplyAccumulate(x53, y61, c0_0);
    c0_1 = subgroupMatrixMultiplyAccumulate(x53, y63, c0_1);
    c0_2 = subgroupMatrixMultiplyAccumulate(x53, y65, c0_2);
    c0_3 = subgroupMatrixMultiplyAccumulate(x53, y67, c0_3);
    c1_0 = subgroupMatrixMultiplyAccumulate(x55, y61, c1_0);
    c1_1 = subgroupMatrixMultiplyAccumulate(x55, y63, c1_1);
    c1_2 = subgroupMatrixMultiplyAccumulate(x55, y65, c1_2);
    c1_3 = subgroupMatrixMultiplyAccumulate(x55, y67, c1_3);
    c2_0 = subgroupMatrixMultiplyAccumulate(x57, y61, c2_0);
    c2_1 = subgroupMatrixMultiplyAccumulate(x57, y63, c2_1);
    c2_2 = subgroupMatrixMultiplyAccumulate(x57, y65, c2_2);
    c2_3 = subgroupMatrixMultiplyAccumulate(x57, y67, c2_3);
    c3_0 = subgroupMatrixMultiplyAccumulate(x59, y61, c3_0);
    c3_1 = subgroupMatrixMultiplyAccumulate(x59, y63, c3_1);
    c3_2 = subgroupMatrixMultiplyAccumulate(x59, y65, c3_2);
    c3_3 = subgroupMatrixMultiplyAccumulate(x59, y67, c3_3);
    let x69 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&panels, u32(v68), 5u);
    let x71 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&panels, u32(v70), 5u);
    let x73 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&panels, u32(v72), 5u);
    let x75 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&panels, u32(v74), 5u);
    let y77 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&panels, u32(v76), 17u);
    let y79 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&panels, u32(v78), 17u);
    let y81 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&panels, u32(v80), 17u);
    let y83 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&panels, u32(v82), 17u);
    c0_0 = subgroupMatrixMultiplyAccumulate(x69, y77, c0_0);
    c0_1 = subgroupMatrixMultiplyAccumulate(x69, y79, c0_1);
    c0_2 = subgroupMatrixMultiplyAccumulate(x69, y81, c0_2);
    c0_3 = subgroupMatrixMultiplyAccumulate(x69, y83, c0_3);
    c1_0 = subgroupMatrixMultiplyAccumulate(x71, y77, c1_0);
    c1_1 = subgroupMatrixMultiplyAccumulate(x71, y79, c1_1);
    c1_2 = subgroupMatrixMultiplyAccumulate(x71, y81, c1_2);
    c1_3 = subgroupMatrixMultiplyAccumulate(x71, y83, c1_3);
    c2_0 = subgroupMatrixMultiplyAccumulate(x73, y77, c2_0);
    c2_1 = subgroupMatrixMultiplyAccumulate(x73, y79, c2_1);
    c2_2 = subgroupMatrixMultiplyAccumulate(x73, y81, c2_2);
    c2_3 = subgroupMatrixMultiplyAccumulate(x73, y83, c2_3);
    c3_0 = subgroupMatrixMultiplyAccumulate(x75, y77, c3_0);
    c3_1 = subgroupMatrixMultiplyAccumulate(x75, y79, c3_1);
    c3_2 = subgroupMatrixMultiplyAccumulate(x75, y81, c3_2);
    c3_3 = subgroupMatrixMultiplyAccumulate(x75, y83, c3_3);
    workgroupBarrier();
  }
  let l84 = i32(invocation);
  let v85 = s4 * 272;
  let v86 = v2 + (v6 * 64);
  let v87 = v3 + (v5 * 64);
  subgroupMatrixStore<row_major>(&panels, u32(v85), c0_0, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 4)), c0_1, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 8)), c0_2, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 12)), c0_3, 17u);
  workgroupBarrier();
  for (var q88 = 0; q88 < 256; q88 += 32) {
    let q89 = q88 + l84;
    if ((((v86 + (q89 >> 4u)) < 160) & ((v87 + ((q89 & 15) * 4)) < 144))) {
      let v90 = (v86 + (q89 >> 4u));
      let v91 = (v87 + ((q89 & 15) * 4));
      let v92 = bitcast<vec4<f32>>(panels[((v85 + ((q89 >> 4u) * 17)) + (q89 & 15))]);
      let v93 = b2[(v91 >> 2u)];
      let v94 = (v92.x * 0.5f) + v93.x;
      let v95 = select((v94 * 0.25f), v94, (v94 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v95) & 0x7fffffffu);
      let v96 = (v92.y * 0.5f) + v93.y;
      let v97 = select((v96 * 0.25f), v96, (v96 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v97) & 0x7fffffffu);
      let v98 = (v92.z * 0.5f) + v93.z;
      let v99 = select((v98 * 0.25f), v98, (v98 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v99) & 0x7fffffffu);
      let v100 = (v92.w * 0.5f) + v93.w;
      let v101 = select((v100 * 0.25f), v100, (v100 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v101) & 0x7fffffffu);
      let v102 = saturated_halves_native(v95, v97);
      let v103 = saturated_halves_native(v99, v101);
      b3[((((v90 * 144) + v91) >> 1u) >> 1u)] = vec2<u32>(v102, v103);
      b4[(((v90 * 144) + v91) >> 2u)] = vec4<f32>(v92.x, v92.y, v92.z, v92.w);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&panels, u32(v85), c1_0, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 4)), c1_1, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 8)), c1_2, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 12)), c1_3, 17u);
  workgroupBarrier();
  for (var q104 = 0; q104 < 256; q104 += 32) {
    let q105 = q104 + l84;
    if ((((v86 + ((q105 >> 4u) + 16)) < 160) & ((v87 + ((q105 & 15) * 4)) < 144))) {
      let v106 = (v86 + ((q105 >> 4u) + 16));
      let v107 = (v87 + ((q105 & 15) * 4));
      let v108 = bitcast<vec4<f32>>(panels[((v85 + ((q105 >> 4u) * 17)) + (q105 & 15))]);
      let v109 = b2[(v107 >> 2u)];
      let v110 = (v108.x * 0.5f) + v109.x;
      let v111 = select((v110 * 0.25f), v110, (v110 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v111) & 0x7fffffffu);
      let v112 = (v108.y * 0.5f) + v109.y;
      let v113 = select((v112 * 0.25f), v112, (v112 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v113) & 0x7fffffffu);
      let v114 = (v108.z * 0.5f) + v109.z;
      let v115 = select((v114 * 0.25f), v114, (v114 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v115) & 0x7fffffffu);
      let v116 = (v108.w * 0.5f) + v109.w;
      let v117 = select((v116 * 0.25f), v116, (v116 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v117) & 0x7fffffffu);
      let v118 = saturated_halves_native(v111, v113);
      let v119 = saturated_halves_native(v115, v117);
      b3[((((v106 * 144) + v107) >> 1u) >> 1u)] = vec2<u32>(v118, v119);
      b4[(((v106 * 144) + v107) >> 2u)] = vec4<f32>(v108.x, v108.y, v108.z, v108.w);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&panels, u32(v85), c2_0, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 4)), c2_1, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 8)), c2_2, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 12)), c2_3, 17u);
  workgroupBarrier();
  for (var q120 = 0; q120 < 256; q120 += 32) {
    let q121 = q120 + l84;
    if ((((v86 + ((q121 >> 4u) + 32)) < 160) & ((v87 + ((q121 & 15) * 4)) < 144))) {
      let v122 = (v86 + ((q121 >> 4u) + 32));
      let v123 = (v87 + ((q121 & 15) * 4));
      let v124 = bitcast<vec4<f32>>(panels[((v85 + ((q121 >> 4u) * 17)) + (q121 & 15))]);
      let v125 = b2[(v123 >> 2u)];
      let v126 = (v124.x * 0.5f) + v125.x;
      let v127 = select((v126 * 0.25f), v126, (v126 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v127) & 0x7fffffffu);
      let v128 = (v124.y * 0.5f) + v125.y;
      let v129 = select((v128 * 0.25f), v128, (v128 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v129) & 0x7fffffffu);
      let v130 = (v124.z * 0.5f) + v125.z;
      let v131 = select((v130 * 0.25f), v130, (v130 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v131) & 0x7fffffffu);
      let v132 = (v124.w * 0.5f) + v125.w;
      let v133 = select((v132 * 0.25f), v132, (v132 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v133) & 0x7fffffffu);
      let v134 = saturated_halves_native(v127, v129);
      let v135 = saturated_halves_native(v131, v133);
      b3[((((v122 * 144) + v123) >> 1u) >> 1u)] = vec2<u32>(v134, v135);
      b4[(((v122 * 144) + v123) >> 2u)] = vec4<f32>(v124.x, v124.y, v124.z, v124.w);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&panels, u32(v85), c3_0, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 4)), c3_1, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 8)), c3_2, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 12)), c3_3, 17u);
  workgroupBarrier();
  for (var q136 = 0; q136 < 256; q136 += 32) {
    let q137 = q136 + l84;
    if ((((v86 + ((q137 >> 4u) + 48)) < 160) & ((v87 + ((q137 & 15) * 4)) < 144))) {
      let v138 = (v86 + ((q137 >> 4u) + 48));
      let v139 = (v87 + ((q137 & 15) * 4));
      let v140 = bitcast<vec4<f32>>(panels[((v85 + ((q137 >> 4u) * 17)) + (q137 & 15))]);
      let v141 = b2[(v139 >> 2u)];
      let v142 = (v140.x * 0.5f) + v141.x;
      let v143 = select((v142 * 0.25f), v142, (v142 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v143) & 0x7fffffffu);
      let v144 = (v140.y * 0.5f) + v141.y;
      let v145 = select((v144 * 0.25f), v144, (v144 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v145) & 0x7fffffffu);
      let v146 = (v140.z * 0.5f) + v141.z;
      let v147 = select((v146 * 0.25f), v146, (v146 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v147) & 0x7fffffffu);
      let v148 = (v140.w * 0.5f) + v141.w;
      let v149 = select((v148 * 0.25f), v148, (v148 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v149) & 0x7fffffffu);
      let v150 = saturated_halves_native(v143, v145);
      let v151 = saturated_halves_native(v147, v149);
      b3[((((v138 * 144) + v139) >> 1u) >> 1u)] = vec2<u32>(v150, v151);
      b4[(((v138 * 144) + v139) >> 2u)] = vec4<f32>(v140.x, v140.y, v140.z, v140.w);
    }
  }
  if (peak_f16 >= 0x477ff000u) { atomicOr(&b5[0], 1u); }
}
