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
fn saturated_f16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let over = (bits & 0x7fffffffu) - 0x477ff000u <= 0x38001000u;
  return select(x, bitcast<f32>(0x477fe000u | (bits & 0x80000000u)), over);
}
fn code_f16_native(x: f32) -> u32 { return bitcast<u32>(vec2<f16>(f16(x), 0h)); }
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
      let v96 = code_f16_native(saturated_f16(v95));
      let v97 = (v92.y * 0.5f) + v93.y;
      let v98 = select((v97 * 0.25f), v97, (v97 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v98) & 0x7fffffffu);
      let v99 = code_f16_native(saturated_f16(v98));
      let v100 = (v92.z * 0.5f) + v93.z;
      let v101 = select((v100 * 0.25f), v100, (v100 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v101) & 0x7fffffffu);
      let v102 = code_f16_native(saturated_f16(v101));
      let v103 = (v92.w * 0.5f) + v93.w;
      let v104 = select((v103 * 0.25f), v103, (v103 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v104) & 0x7fffffffu);
      let v105 = code_f16_native(saturated_f16(v104));
      b3[((((v90 * 144) + v91) >> 1u) >> 1u)] = vec2<u32>(v96 | (v99 << 16u), v102 | (v105 << 16u));
      b4[(((v90 * 144) + v91) >> 2u)] = vec4<f32>(v92.x, v92.y, v92.z, v92.w);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&panels, u32(v85), c1_0, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 4)), c1_1, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 8)), c1_2, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 12)), c1_3, 17u);
  workgroupBarrier();
  for (var q106 = 0; q106 < 256; q106 += 32) {
    let q107 = q106 + l84;
    if ((((v86 + ((q107 >> 4u) + 16)) < 160) & ((v87 + ((q107 & 15) * 4)) < 144))) {
      let v108 = (v86 + ((q107 >> 4u) + 16));
      let v109 = (v87 + ((q107 & 15) * 4));
      let v110 = bitcast<vec4<f32>>(panels[((v85 + ((q107 >> 4u) * 17)) + (q107 & 15))]);
      let v111 = b2[(v109 >> 2u)];
      let v112 = (v110.x * 0.5f) + v111.x;
      let v113 = select((v112 * 0.25f), v112, (v112 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v113) & 0x7fffffffu);
      let v114 = code_f16_native(saturated_f16(v113));
      let v115 = (v110.y * 0.5f) + v111.y;
      let v116 = select((v115 * 0.25f), v115, (v115 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v116) & 0x7fffffffu);
      let v117 = code_f16_native(saturated_f16(v116));
      let v118 = (v110.z * 0.5f) + v111.z;
      let v119 = select((v118 * 0.25f), v118, (v118 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v119) & 0x7fffffffu);
      let v120 = code_f16_native(saturated_f16(v119));
      let v121 = (v110.w * 0.5f) + v111.w;
      let v122 = select((v121 * 0.25f), v121, (v121 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v122) & 0x7fffffffu);
      let v123 = code_f16_native(saturated_f16(v122));
      b3[((((v108 * 144) + v109) >> 1u) >> 1u)] = vec2<u32>(v114 | (v117 << 16u), v120 | (v123 << 16u));
      b4[(((v108 * 144) + v109) >> 2u)] = vec4<f32>(v110.x, v110.y, v110.z, v110.w);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&panels, u32(v85), c2_0, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 4)), c2_1, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 8)), c2_2, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 12)), c2_3, 17u);
  workgroupBarrier();
  for (var q124 = 0; q124 < 256; q124 += 32) {
    let q125 = q124 + l84;
    if ((((v86 + ((q125 >> 4u) + 32)) < 160) & ((v87 + ((q125 & 15) * 4)) < 144))) {
      let v126 = (v86 + ((q125 >> 4u) + 32));
      let v127 = (v87 + ((q125 & 15) * 4));
      let v128 = bitcast<vec4<f32>>(panels[((v85 + ((q125 >> 4u) * 17)) + (q125 & 15))]);
      let v129 = b2[(v127 >> 2u)];
      let v130 = (v128.x * 0.5f) + v129.x;
      let v131 = select((v130 * 0.25f), v130, (v130 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v131) & 0x7fffffffu);
      let v132 = code_f16_native(saturated_f16(v131));
      let v133 = (v128.y * 0.5f) + v129.y;
      let v134 = select((v133 * 0.25f), v133, (v133 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v134) & 0x7fffffffu);
      let v135 = code_f16_native(saturated_f16(v134));
      let v136 = (v128.z * 0.5f) + v129.z;
      let v137 = select((v136 * 0.25f), v136, (v136 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v137) & 0x7fffffffu);
      let v138 = code_f16_native(saturated_f16(v137));
      let v139 = (v128.w * 0.5f) + v129.w;
      let v140 = select((v139 * 0.25f), v139, (v139 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v140) & 0x7fffffffu);
      let v141 = code_f16_native(saturated_f16(v140));
      b3[((((v126 * 144) + v127) >> 1u) >> 1u)] = vec2<u32>(v132 | (v135 << 16u), v138 | (v141 << 16u));
      b4[(((v126 * 144) + v127) >> 2u)] = vec4<f32>(v128.x, v128.y, v128.z, v128.w);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&panels, u32(v85), c3_0, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 4)), c3_1, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 8)), c3_2, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v85 + 12)), c3_3, 17u);
  workgroupBarrier();
  for (var q142 = 0; q142 < 256; q142 += 32) {
    let q143 = q142 + l84;
    if ((((v86 + ((q143 >> 4u) + 48)) < 160) & ((v87 + ((q143 & 15) * 4)) < 144))) {
      let v144 = (v86 + ((q143 >> 4u) + 48));
      let v145 = (v87 + ((q143 & 15) * 4));
      let v146 = bitcast<vec4<f32>>(panels[((v85 + ((q143 >> 4u) * 17)) + (q143 & 15))]);
      let v147 = b2[(v145 >> 2u)];
      let v148 = (v146.x * 0.5f) + v147.x;
      let v149 = select((v148 * 0.25f), v148, (v148 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v149) & 0x7fffffffu);
      let v150 = code_f16_native(saturated_f16(v149));
      let v151 = (v146.y * 0.5f) + v147.y;
      let v152 = select((v151 * 0.25f), v151, (v151 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v152) & 0x7fffffffu);
      let v153 = code_f16_native(saturated_f16(v152));
      let v154 = (v146.z * 0.5f) + v147.z;
      let v155 = select((v154 * 0.25f), v154, (v154 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v155) & 0x7fffffffu);
      let v156 = code_f16_native(saturated_f16(v155));
      let v157 = (v146.w * 0.5f) + v147.w;
      let v158 = select((v157 * 0.25f), v157, (v157 > 0f));
      peak_f16 = max(peak_f16, bitcast<u32>(v158) & 0x7fffffffu);
      let v159 = code_f16_native(saturated_f16(v158));
      b3[((((v144 * 144) + v145) >> 1u) >> 1u)] = vec2<u32>(v150 | (v153 << 16u), v156 | (v159 << 16u));
      b4[(((v144 * 144) + v145) >> 2u)] = vec4<f32>(v146.x, v146.y, v146.z, v146.w);
    }
  }
  if (peak_f16 >= 0x477ff000u) { atomicOr(&b5[0], 1u); }
}
