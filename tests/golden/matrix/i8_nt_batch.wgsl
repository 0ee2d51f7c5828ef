// i8 NT 3_160_144_192: matmul, subgroup_matrix 16x16x32 i8, tile 96x128x64, 48x64 a subgroup
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
@group(0) @binding(0) var<storage, read> b0: array<vec4<u32>>;  // read i8[3, 160, 192] i8[3,160,192]
@group(0) @binding(1) var<storage, read> b1: array<vec4<u32>>;  // read i8[3, 144, 192] i8[3,144,192]
@group(0) @binding(2) var<storage, read_write> b2: array<vec4<i32>>;  // write i32[3, 160, 144] i32[3,160,144]
var<workgroup> panels: array<vec4<u32>, 1120>;
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lid: u32, @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) invocation: u32) {
  let group0 = i32(wid.x);
  let t1 = i32(lid);
  let v2 = (group0 >> 1u) >> 1u;
  let v3 = ((group0 >> 1u) & 1) * 96;
  let v4 = (group0 & 1) * 128;
  let s5 = i32(subgroup);
  let v6 = s5 & 1;
  let v7 = s5 >> 1u;
  var c0_0: subgroup_matrix_result<i32, 16, 16>;
  var c0_1: subgroup_matrix_result<i32, 16, 16>;
  var c0_2: subgroup_matrix_result<i32, 16, 16>;
  var c0_3: subgroup_matrix_result<i32, 16, 16>;
  var c1_0: subgroup_matrix_result<i32, 16, 16>;
  var c1_1: subgroup_matrix_result<i32, 16, 16>;
  var c1_2: subgroup_matrix_result<i32, 16, 16>;
  var c1_3: subgroup_matrix_result<i32, 16, 16>;
  var c2_0: subgroup_matrix_result<i32, 16, 16>;
  var c2_1: subgroup_matrix_result<i32, 16, 16>;
  var c2_2: subgroup_matrix_result<i32, 16, 16>;
  var c2_3: subgroup_matrix_result<i32, 16, 16>;
  var fa0: vec4<u32>;
  var fa1: vec4<u32>;
  var fa2: vec4<u32>;
  var fb0: vec4<u32>;
  var fb1: vec4<u32>;
  var fb2: vec4<u32>;
  var fb3: vec4<u32>;
  let v8 = v3 + (((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8));
  let v9 = (t1 & 3) * 16;
  let v10 = b0[(((((v2 * 30720) + (v8 * 192)) + v9) >> 2u) >> 2u)];
  fa0 = v10;
  let v11 = v3 + ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 32);
  let v12 = b0[(((((v2 * 30720) + (v11 * 192)) + v9) >> 2u) >> 2u)];
  fa1 = v12;
  let v13 = min((v3 + ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 64)), 159);
  let v14 = b0[(((((v2 * 30720) + (v13 * 192)) + v9) >> 2u) >> 2u)];
  fa2 = v14;
  let v15 = min((v4 + (((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8))), 143);
  let v16 = b1[(((((v2 * 27648) + (v15 * 192)) + v9) >> 2u) >> 2u)];
  fb0 = v16;
  let v17 = min((v4 + ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 32)), 143);
  let v18 = b1[(((((v2 * 27648) + (v17 * 192)) + v9) >> 2u) >> 2u)];
  fb1 = v18;
  let v19 = min((v4 + ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 64)), 143);
  let v20 = b1[(((((v2 * 27648) + (v19 * 192)) + v9) >> 2u) >> 2u)];
  fb2 = v20;
  let v21 = min((v4 + ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 96)), 143);
  let v22 = b1[(((((v2 * 27648) + (v21 * 192)) + v9) >> 2u) >> 2u)];
  fb3 = v22;
  let v24 = ((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) * 5) + (t1 & 3);
  let v25 = (((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 32) * 5) + (t1 & 3);
  let v26 = (((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 64) * 5) + (t1 & 3);
  let v27 = v24 + 480;
  let v28 = v25 + 480;
  let v29 = v26 + 480;
  let v30 = ((((((((t1 >> 2u) >> 1u) & 3) + (((t1 >> 2u) & 1) * 4)) + (((t1 >> 2u) >> 3u) * 8)) + 96) * 5) + (t1 & 3)) + 480;
  let v33 = (v2 * 30720) + (v8 * 192);
  let v35 = (v2 * 30720) + (v11 * 192);
  let v37 = (v2 * 30720) + (v13 * 192);
  let v39 = (v2 * 27648) + (v15 * 192);
  let v41 = (v2 * 27648) + (v17 * 192);
  let v43 = (v2 * 27648) + (v19 * 192);
  let v45 = (v2 * 27648) + (v21 * 192);
  let v47 = (v7 * 48) * 5;
  let v49 = ((v7 * 48) + 16) * 5;
  let v51 = ((v7 * 48) + 32) * 5;
  let v53 = ((v6 * 64) * 5) + 480;
  let v55 = (((v6 * 64) + 16) * 5) + 480;
  let v57 = (((v6 * 64) + 32) * 5) + 480;
  let v59 = (((v6 * 64) + 48) * 5) + 480;
  let v61 = v47 + 2;
  let v63 = v49 + 2;
  let v65 = v51 + 2;
  let v67 = (((v6 * 64) * 5) + 2) + 480;
  let v69 = ((((v6 * 64) + 16) * 5) + 2) + 480;
  let v71 = ((((v6 * 64) + 32) * 5) + 2) + 480;
  let v73 = ((((v6 * 64) + 48) * 5) + 2) + 480;
  for (var k23 = 64; k23 <= 192; k23 += 64) {
    panels[v24] = fa0;
    panels[v25] = fa1;
    panels[v26] = fa2;
    panels[v27] = fb0;
    panels[v28] = fb1;
    panels[v29] = fb2;
    panels[v30] = fb3;
    workgroupBarrier();
    if (k23 < 192) {
      let k31 = k23;
      let v32 = k31 + v9;
      let v34 = b0[(((v33 + v32) >> 2u) >> 2u)];
      fa0 = v34;
      let v36 = b0[(((v35 + v32) >> 2u) >> 2u)];
      fa1 = v36;
      let v38 = b0[(((v37 + v32) >> 2u) >> 2u)];
      fa2 = v38;
      let v40 = b1[(((v39 + v32) >> 2u) >> 2u)];
      fb0 = v40;
      let v42 = b1[(((v41 + v32) >> 2u) >> 2u)];
      fb1 = v42;
      let v44 = b1[(((v43 + v32) >> 2u) >> 2u)];
      fb2 = v44;
      let v46 = b1[(((v45 + v32) >> 2u) >> 2u)];
      fb3 = v46;
    }
    let x48 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&panels, u32(v47), 5u);
    let x50 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&panels, u32(v49), 5u);
    let x52 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&panels, u32(v51), 5u);
    let y54 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v53), 5u);
    let y56 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v55), 5u);
    let y58 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v57), 5u);
    let y60 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v59), 5u);
    c0_0 = subgroupMatrixMultiplyAccumulate(x48, y54, c0_0);
    c0_1 = subgroupMatrixMultiplyAccumulate(x48, y56, c0_1);
    c0_2 = subgroupMatrixMultiplyAccumulate(x48, y58, c0_2);
    c0_3 = subgroupMatrixMultiplyAccumulate(x48, y60, c0_3);
    c1_0 = subgroupMatrixMultiplyAccumulate(x50, y54, c1_0);
    c1_1 = subgroupMatrixMultiplyAccumulate(x50, y56, c1_1);
    c1_2 = subgroupMatrixMultiplyAccumulate(x50, y58, c1_2);
    c1_3 = subgroupMatrixMultiplyAccumulate(x50, y60, c1_3);
    c2_0 = subgroupMatrixMultiplyAccumulate(x52, y54, c2_0);
    c2_1 = subgroupMatrixMultiplyAccumulate(x52, y56, c2_1);
    c2_2 = subgroupMatrixMultiplyAccumulate(x52, y58, c2_2);
    c2_3 = subgroupMatrixMultiplyAccumulate(x52, y60, c2_3);
    let x62 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&panels, u32(v61), 5u);
    let x64 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&panels, u32(v63), 5u);
    let x66 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&panels, u32(v65), 5u);
    let y68 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v67), 5u);
    let y70 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v69), 5u);
    let y72 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v71), 5u);
    let y74 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&panels, u32(v73), 5u);
    c0_0 = subgroupMatrixMultiplyAccumulate(x62, y68, c0_0);
    c0_1 = subgroupMatrixMultiplyAccumulate(x62, y70, c0_1);
    c0_2 = subgroupMatrixMultiplyAccumulate(x62, y72, c0_2);
    c0_3 = subgroupMatrixMultiplyAccumulate(x62, y74, c0_3);
    c1_0 = subgroupMatrixMultiplyAccumulate(x64, y68, c1_0);
    c1_1 = subgroupMatrixMultiplyAccumulate(x64, y70, c1_1);
    c1_2 = subgroupMatrixMultiplyAccumulate(x64, y72, c1_2);
    c1_3 = subgroupMatrixMultiplyAccumulate(x64, y74, c1_3);
    c2_0 = subgroupMatrixMultiplyAccumulate(x66, y68, c2_0);
    c2_1 = subgroupMatrixMultiplyAccumulate(x66, y70, c2_1);
    c2_2 = subgroupMatrixMultiplyAccumulate(x66, y72, c2_2);
    c2_3 = subgroupMatrixMultiplyAccumulate(x66, y74, c2_3);
    workgroupBarrier();
  }
  let l75 = i32(invocation);
  let v76 = s5 * 272;
  let v77 = v3 + (v7 * 48);
  let v78 = v4 + (v6 * 64);
  subgroupMatrixStore<row_major>(&panels, u32(v76), c0_0, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v76 + 4)), c0_1, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v76 + 8)), c0_2, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v76 + 12)), c0_3, 17u);
  workgroupBarrier();
  let v84 = v2 * 160;
  for (var q79 = 0; q79 < 256; q79 += 32) {
    let q80 = q79 + l75;
    if (((v78 + ((q80 & 15) * 4)) < 144)) {
      let v81 = (v77 + (q80 >> 4u));
      let v82 = (v78 + ((q80 & 15) * 4));
      let v83 = bitcast<vec4<i32>>(panels[((v76 + ((q80 >> 4u) * 17)) + (q80 & 15))]);
      b2[((((v84 + v81) * 144) + v82) >> 2u)] = vec4<i32>(v83.x, v83.y, v83.z, v83.w);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&panels, u32(v76), c1_0, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v76 + 4)), c1_1, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v76 + 8)), c1_2, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v76 + 12)), c1_3, 17u);
  workgroupBarrier();
  for (var q85 = 0; q85 < 256; q85 += 32) {
    let q86 = q85 + l75;
    if ((((v77 + ((q86 >> 4u) + 16)) < 160) & ((v78 + ((q86 & 15) * 4)) < 144))) {
      let v87 = (v77 + ((q86 >> 4u) + 16));
      let v88 = (v78 + ((q86 & 15) * 4));
      let v89 = bitcast<vec4<i32>>(panels[((v76 + ((q86 >> 4u) * 17)) + (q86 & 15))]);
      b2[((((v84 + v87) * 144) + v88) >> 2u)] = vec4<i32>(v89.x, v89.y, v89.z, v89.w);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&panels, u32(v76), c2_0, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v76 + 4)), c2_1, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v76 + 8)), c2_2, 17u);
  subgroupMatrixStore<row_major>(&panels, u32((v76 + 12)), c2_3, 17u);
  workgroupBarrier();
  for (var q90 = 0; q90 < 256; q90 += 32) {
    let q91 = q90 + l75;
    if ((((v77 + ((q91 >> 4u) + 32)) < 160) & ((v78 + ((q91 & 15) * 4)) < 144))) {
      let v92 = (v77 + ((q91 >> 4u) + 32));
      let v93 = (v78 + ((q91 & 15) * 4));
      let v94 = bitcast<vec4<i32>>(panels[((v76 + ((q91 >> 4u) * 17)) + (q91 & 15))]);
      b2[((((v84 + v92) * 144) + v93) >> 2u)] = vec4<i32>(v94.x, v94.y, v94.z, v94.w);
    }
  }
}
