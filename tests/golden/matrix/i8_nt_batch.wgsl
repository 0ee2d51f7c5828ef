// i8 NT 3_160_144_192: matmul, subgroup_matrix 16x16x32 i8, tile 64x64x64, 32x32 a subgroup
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
@group(0) @binding(0) var<storage, read> b0: array<vec4<u32>>;  // read i8[3, 160, 192] i8[3,160,192]
@group(0) @binding(1) var<storage, read> b1: array<vec4<u32>>;  // read i8[3, 144, 192] i8[3,144,192]
@group(0) @binding(2) var<storage, read_write> b2: array<vec4<i32>>;  // write i32[3, 160, 144] i32[3,160,144]
var<workgroup> panels: array<vec4<u32>, 640>;
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lid: u32, @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) invocation: u32) {
  let group0 = i32(wid.x);
  let t1 = i32(lid);
  let v2 = i32(u32(group0) / 3u);
  let v3 = i32(u32(v2) / 3u);
  let v4 = i32(u32(v2) % 3u) * 64;
  let v5 = i32(u32(group0) % 3u) * 64;
  let s6 = i32(subgroup);
  let v7 = s6 & 1;
  let v8 = s6 >> 1u;
  var c0_0: subgroup_matrix_result<i32, 16, 16>;
  var c0_1: subgroup_matrix_result<i32, 16, 16>;
  var c1_0: subgroup_matrix_result<i32, 16, 16>;
  var c1_1: subgroup_matrix_result<i32, 16, 16>;
  var fa0: vec4<u32>;
  var fa1: vec4<u32>;
  var fb0: vec4<u32>;
  var fb1: vec4<u32>;
  let v9 = v4 + (((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8));
  let v10 = (t1 & 3) * 16;
  let v11 = b0[(((((v3 * 30720) + (v9 * 192)) + v10) >> 2u) >> 2u)];
  fa0 = v11;
  let v12 = min((v4 + ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 32)), 159);
  let v13 = b0[(((((v3 * 30720) + (v12 * 192)) + v10) >> 2u) >> 2u)];
  fa1 = v13;
  let v14 = min((v5 + (((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8))), 143);
  let v15 = b1[(((((v3 * 27648) + (v14 * 192)) + v10) >> 2u) >> 2u)];
  fb0 = v15;
  let v16 = min((v5 + ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 32)), 143);
  let v17 = b1[(((((v3 * 27648) + (v16 * 192)) + v10) >> 2u) >> 2u)];
  fb1 = v17;
  let v19 = ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) * 5) + (t1 & 3);
  let v20 = (((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 32) * 5) + (t1 & 3);
  let v21 = v19 + 320;
  let v22 = v20 + 320;
  let v25 = (v3 * 30720) + (v9 * 192);
  let v27 = (v3 * 30720) + (v12 * 192);
  let v29 = (v3 * 27648) + (v14 * 192);
  let v31 = (v3 * 27648) + (v16 * 192);
  let v33 = (v8 * 32) * 5;
  let v35 = ((v8 * 32) + 16) * 5;
  let v37 = ((v7 * 32) * 5) + 320;
  let v39 = (((v7 * 32) + 16) * 5) + 320;
  let v41 = v33 + 2;
  let v43 = v35 + 2;
  let v45 = (((v7 * 32) * 5) + 2) + 320;
  let v47 = ((((v7 * 32) + 16) * 5) + 2) + 320;
  for (var k18 = 64; k18 <= 192; k18 += 64) {
    panels[v19] = fa0;
    panels[v20] = fa1;
    panels[v21] = fb0;
    panels[v22] = fb1;
    workgroupBarrier();
    if (k18 < 192) {
      let k23 = k18;
      let v24 = k23 + v10;
      let v26 = b0[(((v25 + v24) >> 2u) >> 2u)];
      fa0 = v26;
      let v28 = b0[(((v27 + v24) >> 2u) >> 2u)];
      fa1 = v28;
      let v30 = b1[(((v29 + v24) >> 2u) >> 2u)];
      fb0 = v30;
      let v32 = b1[(((v31 + v24) >> 2u) >> 2u)];
      fb1 = v32;
    }
    let x34 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&panels, u32(v33), 5u);
    let x36 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&panels, u32(v35), 5u);
    let y38 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v37), 5u);
    let y40 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v39), 5u);
    c0_0 = subgroupMatrixMultiplyAccumulate(x34, y38, c0_0);
    c0_1 = subgroupMatrixMultiplyAccumulate(x34, y40, c0_1);
    c1_0 = subgroupMatrixMultiplyAccumulate(x36, y38, c1_0);
    c1_1 = subgroupMatrixMultiplyAccumulate(x36, y40, c1_1);
    let x42 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&panels, u32(v41), 5u);
    let x44 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&panels, u32(v43), 5u);
    let y46 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v45), 5u);
    let y48 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v47), 5u);
    c0_0 = subgroupMatrixMultiplyAccumulate(x42, y46, c0_0);
    c0_1 = subgroupMatrixMultiplyAccumulate(x42, y48, c0_1);
    c1_0 = subgroupMatrixMultiplyAccumulate(x44, y46, c1_0);
    c1_1 = subgroupMatrixMultiplyAccumulate(x44, y48, c1_1);
    workgroupBarrier();
  }
  let l49 = i32(invocation);
  let v50 = s6 * 144;
  let v51 = v4 + (v8 * 32);
  let v52 = v5 + (v7 * 32);
  subgroupMatrixStore<row_major>(&panels, u32(v50), c0_0, 9u);
  subgroupMatrixStore<row_major>(&panels, u32((v50 + 4)), c0_1, 9u);
  workgroupBarrier();
  let v58 = v3 * 160;
  for (var q53 = 0; q53 < 128; q53 += 32) {
    let q54 = q53 + l49;
    if ((((v51 + (q54 >> 3u)) < 160) & ((v52 + ((q54 & 7) * 4)) < 144))) {
      let v55 = (v51 + (q54 >> 3u));
      let v56 = (v52 + ((q54 & 7) * 4));
      let v57 = bitcast<vec4<i32>>(panels[((v50 + ((q54 >> 3u) * 9)) + (q54 & 7))]);
      b2[((((v58 + v55) * 144) + v56) >> 2u)] = vec4<i32>(v57.x, v57.y, v57.z, v57.w);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&panels, u32(v50), c1_0, 9u);
  subgroupMatrixStore<row_major>(&panels, u32((v50 + 4)), c1_1, 9u);
  workgroupBarrier();
  for (var q59 = 0; q59 < 128; q59 += 32) {
    let q60 = q59 + l49;
    if ((((v51 + ((q60 >> 3u) + 16)) < 160) & ((v52 + ((q60 & 7) * 4)) < 144))) {
      let v61 = (v51 + ((q60 >> 3u) + 16));
      let v62 = (v52 + ((q60 & 7) * 4));
      let v63 = bitcast<vec4<i32>>(panels[((v50 + ((q60 >> 3u) * 9)) + (q60 & 7))]);
      b2[((((v58 + v61) * 144) + v62) >> 2u)] = vec4<i32>(v63.x, v63.y, v63.z, v63.w);
    }
  }
}
