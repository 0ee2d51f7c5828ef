// u8 NN 160_144_192: matmul, packed u8, tile 16x16x256, 4x4 an invocation, 8 slices of k
@group(0) @binding(0) var<storage, read> b0: array<u32>;  // read u8[160, 192] u8[160,192]
@group(0) @binding(1) var<storage, read> b1: array<u32>;  // read u8[192, 144] u8[192,144]
@group(0) @binding(2) var<storage, read_write> b2: array<vec4<u32>>;  // write u32[160, 144] u32[160,144]
var<workgroup> panels: array<vec4<u32>, 640>;
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let group0 = i32(wid.x);
  let t1 = i32(lid);
  let v2 = i32(u32(group0) / 9u);
  let v3 = i32(u32(group0) % 9u);
  let m4 = v2 * 16;
  let n5 = v3 * 16;
  let v6 = t1 & 3;
  let v7 = (t1 & 15) >> 2u;
  let v8 = t1 >> 4u;
  var c0_0 = vec4<u32>();
  var c1_0 = vec4<u32>();
  var c2_0 = vec4<u32>();
  var c3_0 = vec4<u32>();
  let v9 = t1 >> 6u;
  let v10 = (t1 & 63) * 4;
  let v11 = m4 + (v9 * 4);
  let v12 = min(v10, 188);
  let v13 = v10 < 192;
  let v14 = b0[(((v11 * 192) + v12) >> 2u)];
  let v15 = b0[((((v11 + 1) * 192) + v12) >> 2u)];
  let v16 = b0[((((v11 + 2) * 192) + v12) >> 2u)];
  let v17 = b0[((((v11 + 3) * 192) + v12) >> 2u)];
  panels[(((t1 & 63) * 5) + v9)] = vec4<u32>(select(0u, v14, v13), select(0u, v15, v13), select(0u, v16, v13), select(0u, v17, v13));
  let v18 = t1 + 128;
  let v19 = v18 >> 6u;
  let v20 = (v18 & 63) * 4;
  let v21 = m4 + (v19 * 4);
  let v22 = min(v20, 188);
  let v23 = v20 < 192;
  let v24 = b0[(((v21 * 192) + v22) >> 2u)];
  let v25 = b0[((((v21 + 1) * 192) + v22) >> 2u)];
  let v26 = b0[((((v21 + 2) * 192) + v22) >> 2u)];
  let v27 = b0[((((v21 + 3) * 192) + v22) >> 2u)];
  panels[(((v18 & 63) * 5) + v19)] = vec4<u32>(select(0u, v24, v23), select(0u, v25, v23), select(0u, v26, v23), select(0u, v27, v23));
  let v28 = (t1 >> 2u) * 4;
  let v29 = n5 + (v6 * 4);
  let v30 = b1[(((v28 * 144) + v29) >> 2u)];
  let v31 = v28 + 1;
  let v32 = b1[(((v31 * 144) + v29) >> 2u)];
  let v33 = v28 + 2;
  let v34 = b1[(((v33 * 144) + v29) >> 2u)];
  let v35 = v28 + 3;
  let v36 = b1[(((v35 * 144) + v29) >> 2u)];
  let v37 = ((v30 >> 8u) & 0xffu) | (((v32 >> 8u) & 0xffu) << 8u) | (((v34 >> 8u) & 0xffu) << 16u) | (((v36 >> 8u) & 0xffu) << 24u);
  let v38 = ((v30 >> 16u) & 0xffu) | (((v32 >> 16u) & 0xffu) << 8u) | (((v34 >> 16u) & 0xffu) << 16u) | (((v36 >> 16u) & 0xffu) << 24u);
  panels[((((t1 >> 2u) * 5) + v6) + 320)] = vec4<u32>(((v30 & 0xffu) | ((v32 & 0xffu) << 8u) | ((v34 & 0xffu) << 16u) | ((v36 & 0xffu) << 24u)), v37, v38, ((v30 >> 24u) | ((v32 >> 24u) << 8u) | ((v34 >> 24u) << 16u) | ((v36 >> 24u) << 24u)));
  let v39 = v18 & 3;
  let v40 = (v18 >> 2u) * 4;
  let v41 = n5 + (v39 * 4);
  let v42 = min(v40, 188);
  let v43 = v40 < 192;
  let v44 = b1[(((v42 * 144) + v41) >> 2u)];
  let v45 = v42 + 1;
  let v46 = b1[(((v45 * 144) + v41) >> 2u)];
  let v47 = v42 + 2;
  let v48 = b1[(((v47 * 144) + v41) >> 2u)];
  let v49 = v42 + 3;
  let v50 = b1[(((v49 * 144) + v41) >> 2u)];
  let v51 = select(0u, (v44 & 0xffu), v43) | (select(0u, (v46 & 0xffu), v43) << 8u) | (select(0u, (v48 & 0xffu), v43) << 16u) | (select(0u, (v50 & 0xffu), v43) << 24u);
  let v52 = select(0u, ((v44 >> 8u) & 0xffu), v43) | (select(0u, ((v46 >> 8u) & 0xffu), v43) << 8u) | (select(0u, ((v48 >> 8u) & 0xffu), v43) << 16u) | (select(0u, ((v50 >> 8u) & 0xffu), v43) << 24u);
  let v53 = select(0u, ((v44 >> 16u) & 0xffu), v43) | (select(0u, ((v46 >> 16u) & 0xffu), v43) << 8u) | (select(0u, ((v48 >> 16u) & 0xffu), v43) << 16u) | (select(0u, ((v50 >> 16u) & 0xffu), v43) << 24u);
  let v54 = select(0u, (v44 >> 24u), v43) | (select(0u, (v46 >> 24u), v43) << 8u) | (select(0u, (v48 >> 24u), v43) << 16u) | (select(0u, (v50 >> 24u), v43) << 24u);
  panels[((((v18 >> 2u) * 5) + v39) + 320)] = vec4<u32>(v51, v52, v53, v54);
  workgroupBarrier();
  let pa55 = ((v8 * 8) * 5) + v7;
  let pb56 = (((v8 * 8) * 5) + 320) + v6;
  for (var k57 = 0; k57 < 8; k57 += 4) {
    let pa58 = pa55 + k57 * 5;
    let pb59 = pb56 + k57 * 5;
    let x60 = panels[pa58 + 0];
    let y61 = panels[pb59 + 0];
    c0_0 += vec4<u32>(dot4U8Packed(x60.x, y61.x), dot4U8Packed(x60.x, y61.y), dot4U8Packed(x60.x, y61.z), dot4U8Packed(x60.x, y61.w));
    c1_0 += vec4<u32>(dot4U8Packed(x60.y, y61.x), dot4U8Packed(x60.y, y61.y), dot4U8Packed(x60.y, y61.z), dot4U8Packed(x60.y, y61.w));
    c2_0 += vec4<u32>(dot4U8Packed(x60.z, y61.x), dot4U8Packed(x60.z, y61.y), dot4U8Packed(x60.z, y61.z), dot4U8Packed(x60.z, y61.w));
    c3_0 += vec4<u32>(dot4U8Packed(x60.w, y61.x), dot4U8Packed(x60.w, y61.y), dot4U8Packed(x60.w, y61.z), dot4U8Packed(x60.w, y61.w));
    let x62 = panels[pa58 + 5];
    let y63 = panels[pb59 + 5];
    c0_0 += vec4<u32>(dot4U8Packed(x62.x, y63.x), dot4U8Packed(x62.x, y63.y), dot4U8Packed(x62.x, y63.z), dot4U8Packed(x62.x, y63.w));
    c1_0 += vec4<u32>(dot4U8Packed(x62.y, y63.x), dot4U8Packed(x62.y, y63.y), dot4U8Packed(x62.y, y63.z), dot4U8Packed(x62.y, y63.w));
    c2_0 += vec4<u32>(dot4U8Packed(x62.z, y63.x), dot4U8Packed(x62.z, y63.y), dot4U8Packed(x62.z, y63.z), dot4U8Packed(x62.z, y63.w));
    c3_0 += vec4<u32>(dot4U8Packed(x62.w, y63.x), dot4U8Packed(x62.w, y63.y), dot4U8Packed(x62.w, y63.z), dot4U8Packed(x62.w, y63.w));
    let x64 = panels[pa58 + 10];
    let y65 = panels[pb59 + 10];
    c0_0 += vec4<u32>(dot4U8Packed(x64.x, y65.x), dot4U8Packed(x64.x, y65.y), dot4U8Packed(x64.x, y65.z), dot4U8Packed(x64.x, y65.w));
    c1_0 += vec4<u32>(dot4U8Packed(x64.y, y65.x), dot4U8Packed(x64.y, y65.y), dot4U8Packed(x64.y, y65.z), dot4U8Packed(x64.y, y65.w));
    c2_0 += vec4<u32>(dot4U8Packed(x64.z, y65.x), dot4U8Packed(x64.z, y65.y), dot4U8Packed(x64.z, y65.z), dot4U8Packed(x64.z, y65.w));
    c3_0 += vec4<u32>(dot4U8Packed(x64.w, y65.x), dot4U8Packed(x64.w, y65.y), dot4U8Packed(x64.w, y65.z), dot4U8Packed(x64.w, y65.w));
    let x66 = panels[pa58 + 15];
    let y67 = panels[pb59 + 15];
    c0_0 += vec4<u32>(dot4U8Packed(x66.x, y67.x), dot4U8Packed(x66.x, y67.y), dot4U8Packed(x66.x, y67.z), dot4U8Packed(x66.x, y67.w));
    c1_0 += vec4<u32>(dot4U8Packed(x66.y, y67.x), dot4U8Packed(x66.y, y67.y), dot4U8Packed(x66.y, y67.z), dot4U8Packed(x66.y, y67.w));
    c2_0 += vec4<u32>(dot4U8Packed(x66.z, y67.x), dot4U8Packed(x66.z, y67.y), dot4U8Packed(x66.z, y67.z), dot4U8Packed(x66.z, y67.w));
    c3_0 += vec4<u32>(dot4U8Packed(x66.w, y67.x), dot4U8Packed(x66.w, y67.y), dot4U8Packed(x66.w, y67.z), dot4U8Packed(x66.w, y67.w));
  }
  workgroupBarrier();
  if (v8 > 0) {
    panels[t1 - 16 + 0] = c0_0;
    panels[t1 - 16 + 112] = c1_0;
    panels[t1 - 16 + 224] = c2_0;
    panels[t1 - 16 + 336] = c3_0;
  }
  workgroupBarrier();
  if (v8 == 0) {
    c0_0 += panels[t1 + 0];
    c1_0 += panels[t1 + 112];
    c2_0 += panels[t1 + 224];
    c3_0 += panels[t1 + 336];
    c0_0 += panels[t1 + 16];
    c1_0 += panels[t1 + 128];
    c2_0 += panels[t1 + 240];
    c3_0 += panels[t1 + 352];
    c0_0 += panels[t1 + 32];
    c1_0 += panels[t1 + 144];
    c2_0 += panels[t1 + 256];
    c3_0 += panels[t1 + 368];
    c0_0 += panels[t1 + 48];
    c1_0 += panels[t1 + 160];
    c2_0 += panels[t1 + 272];
    c3_0 += panels[t1 + 384];
    c0_0 += panels[t1 + 64];
    c1_0 += panels[t1 + 176];
    c2_0 += panels[t1 + 288];
    c3_0 += panels[t1 + 400];
    c0_0 += panels[t1 + 80];
    c1_0 += panels[t1 + 192];
    c2_0 += panels[t1 + 304];
    c3_0 += panels[t1 + 416];
    c0_0 += panels[t1 + 96];
    c1_0 += panels[t1 + 208];
    c2_0 += panels[t1 + 320];
    c3_0 += panels[t1 + 432];
  }
  let v68 = (((m4 + (v7 * 4)) * 144) + v29) >> 2u;
  let v69 = (((m4 + ((v7 * 4) + 1)) * 144) + v29) >> 2u;
  let v70 = (((m4 + ((v7 * 4) + 2)) * 144) + v29) >> 2u;
  let v71 = (((m4 + ((v7 * 4) + 3)) * 144) + v29) >> 2u;
  if ((t1 < 16)) {
    b2[v68] = vec4<u32>(c0_0.x, c0_0.y, c0_0.z, c0_0.w);
    b2[v69] = vec4<u32>(c1_0.x, c1_0.y, c1_0.z, c1_0.w);
    b2[v70] = vec4<u32>(c2_0.x, c2_0.y, c2_0.z, c2_0.w);
    b2[v71] = vec4<u32>(c3_0.x, c3_0.y, c3_0.z, c3_0.w);
  }
}
